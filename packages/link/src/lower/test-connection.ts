import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { linkTest, testAnswerSchema } from "@tms/contracts/link";
import { AppError, type Sha256 } from "@tms/records";
import type { LogServerAddress } from "./batch-transport.ts";
import { type Lane, StepBoard, type StepReport } from "./connection-steps.ts";
import { type Address, authorityOf, hostInUrl } from "./dial/address.ts";
import { createDial, type Dial } from "./dial/dial.ts";
import type { ProxySettings } from "./dial/proxy-settings.ts";
import { dialSsh } from "./dial-ssh.ts";
import { LineReader } from "./line-reader.ts";
import { callLink, problemFrom } from "./link-http.ts";
import { asLinkError } from "./link-outcome.ts";
import { type ProbedAuthority, probeAuthority } from "./probe-authority.ts";
import { openChannel } from "./ssh-batch-transport.ts";
import { createTlsAgent } from "./tls-client.ts";

// Test Connection: two lanes at once, each up to an application round trip, because in TLS 1.3 a client is "connected"
// before the server has judged anything. Stores nothing on either side.

export interface TestSettings {
  statusServer: Address;
  logServer: LogServerAddress;
  userName: string;
  password: string;
  /** Empty = unpinned: the found fingerprint is a fact for a person to confirm. */
  caPins: readonly Sha256[];
  sshHostKeys: readonly string[];
  /** Default: none. */
  proxy?: ProxySettings | null;
}

export type LaneReports = Record<Lane, StepReport[]>;

const ROLE_OF = { logServer: "log-server", statusServer: "status-server" } as const satisfies Record<Lane, Role>;
/** Ends either lane, whatever hangs. */
const LANE_TIMEOUT_MS = 30_000;
const CALL_TIMEOUT_MS = 15_000;

/** Tests both servers with these values; never throws for what a server does. */
export async function testConnection(
  settings: TestSettings,
  options: { onStep?: (lane: Lane, steps: StepReport[]) => void; signal?: AbortSignal } = {},
): Promise<LaneReports & { ok: boolean }> {
  const limit = AbortSignal.timeout(LANE_TIMEOUT_MS);
  const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
  const proxy = settings.proxy ?? null;
  const dial = createDial({ proxy });
  const run = (lane: Lane, to: Address, speak: Speak) =>
    runLane({ to, speak, proxy, dial, role: ROLE_OF[lane], signal, onStep: (steps) => options.onStep?.(lane, steps) });
  const logSpeak = settings.logServer.protocol === "ssh" ? speakSsh(settings, dial) : speakTls(settings, dial);
  const [logServer, statusServer] = await Promise.all([
    run("logServer", settings.logServer, logSpeak),
    run("statusServer", settings.statusServer, speakTls(settings, dial)),
  ]);
  const ok = [...logServer, ...statusServer].every((step) => step.state === "ok" || step.state === "not-needed");
  return { logServer, statusServer, ok };
}

type Role = "status-server" | "log-server";
type Round = { serverTime: string; role: Role; fact: string };
/** The steps that differ between TLS and SSH: who the server is, and a round trip with the credentials. */
interface Speak {
  handshake(to: Address, signal: AbortSignal): Promise<{ fact: string; round(signal: AbortSignal): Promise<Round> }>;
}

async function runLane(lane: {
  to: Address;
  speak: Speak;
  proxy: ProxySettings | null;
  dial: Dial;
  role: Role;
  signal: AbortSignal;
  onStep(steps: StepReport[]): void;
}): Promise<StepReport[]> {
  const board = new StepBoard(lane.onStep);
  const { to, signal } = lane;
  try {
    if (lane.proxy === null) await reachDirectly(board, lane);
    else await reachThroughProxy(board, { ...lane, proxy: lane.proxy });
    const hands = await board.value("handshake", () => lane.speak.handshake(to, signal));
    const round = await board.value("credentials", () => hands.round(signal));
    await board.step("accepts", async () => {
      if (round.role !== lane.role)
        throw new AppError("link.role_wrong", { ...to, expected: lane.role, found: round.role });
      return `It answered as ${round.role.replace("-", " ")}`;
    });
    await board.step("clock-difference", async () => clockFact(round.serverTime));
  } catch (error) {
    // The board shows which step failed; the rest was not run.
    board.fail(asLinkError(error));
  }
  return board.steps;
}

interface Reach {
  to: Address;
  dial: Dial;
  signal: AbortSignal;
}

async function reachDirectly(board: StepBoard, { to, dial, signal }: Reach): Promise<void> {
  await board.step("name-look-up", async () => (isIP(to.host) ? `${to.host} is an address` : resolve(to.host)));
  board.skip("proxy", "No proxy is set.");
  await board.step("tcp", async () => {
    const tunnel = await dial(to, { signal });
    tunnel.socket.destroy();
    return tunnel.peer;
  });
}

/** The proxy was reached and took us, so that what failed lies behind it. */
const BEHIND_PROXY = new Set<string>([
  "proxy.refused",
  "proxy.refused_target",
  "proxy.address_unsupported",
  "proxy.target_unknown",
  "proxy.target_unreachable",
]);

async function reachThroughProxy(board: StepBoard, reach: Reach & { proxy: ProxySettings }): Promise<void> {
  const { to, dial, signal, proxy } = reach;
  board.skip("name-look-up", "Left to the proxy.");
  const way = await board.value("proxy", async () => {
    const fact = `${authorityOf(proxy)} answered`;
    try {
      const tunnel = await dial(to, { signal });
      tunnel.socket.destroy();
      return { fact, failure: null, peer: tunnel.peer };
    } catch (error) {
      if (error instanceof AppError && BEHIND_PROXY.has(error.code)) return { fact, failure: error, peer: "" };
      throw error;
    }
  });
  await board.step("tcp", async () => {
    if (way.failure !== null) throw way.failure;
    return `${way.peer}, reached by the proxy`;
  });
}

async function resolve(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (error) {
    throw new AppError("link.name_unknown", { host }, { cause: error });
  }
}

function clockFact(serverTime: string): string {
  const seconds = Math.round((new Date(serverTime).getTime() - Date.now()) / 1000);
  if (seconds === 0) return "The clocks agree.";
  return `The server's clock is ${Math.abs(seconds)} s ${seconds > 0 ? "ahead" : "behind"}.`;
}

function speakTls(settings: TestSettings, dial: Dial): Speak {
  return {
    async handshake(to, signal) {
      const authority: ProbedAuthority = await probeAuthority(to, settings.caPins, { signal, dial });
      const agent = createTlsAgent({ caPem: authority.caPem }, { connections: 1, dial });
      const fact = `Certificate authority ${authority.spki}, ${pinnedText(authority.pinned)}`;
      return { fact, round: (until) => tlsRound(agent, { to, settings, signal: until }) };
    },
  };
}

async function tlsRound(
  agent: ReturnType<typeof createTlsAgent>,
  asked: { to: Address; settings: TestSettings; signal: AbortSignal },
): Promise<Round> {
  const { to, settings } = asked;
  try {
    const answer = await callLink(agent, {
      method: "POST",
      url: `https://${hostInUrl(to.host)}:${to.port}${linkTest.path}`,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ v: "link/1", userName: settings.userName, password: settings.password }),
      timeoutMs: CALL_TIMEOUT_MS,
      signal: asked.signal,
    });
    if (answer.status !== 200) throw problemFrom(answer);
    return readRound(answer.bytes.toString("utf8"), settings.userName);
  } finally {
    await agent.destroy();
  }
}

function speakSsh(settings: TestSettings, dial: Dial): Speak {
  return {
    async handshake(to, signal) {
      const found: string[] = [];
      // Key exchange and log-on are one exchange in SSH: the host key is judged first, and a refused password comes after.
      const client = await dialSsh(
        to,
        {
          username: `test.${settings.userName}`,
          password: settings.password,
          hostKeys: settings.sshHostKeys,
          onHostKey: (fingerprint) => found.push(fingerprint),
        },
        { signal, dial },
      ).catch((error: unknown) => asLinkError(error));
      const known = pinnedText(settings.sshHostKeys.length > 0);
      if (client instanceof AppError) {
        if (client.code !== "link.credentials_wrong") throw client;
        return { fact: `Host key ${found[0] ?? ""}, ${known}`, round: () => Promise.reject(client) };
      }
      const round = async (until: AbortSignal): Promise<Round> => {
        try {
          const lines = new LineReader(await openChannel(client, "tms-test"));
          return readRound(await lines.next(until), settings.userName);
        } finally {
          client.end();
        }
      };
      return { fact: `Host key ${found[0] ?? ""}, ${known}`, round };
    },
  };
}

function pinnedText(pinned: boolean): string {
  return pinned ? "as pinned" : "not pinned";
}

function readRound(text: string, userName: string): Round {
  const parsed = testAnswerSchema.safeParse(jsonOrNull(text));
  if (!parsed.success) throw new AppError("link.protocol_wrong", { reason: "not a test answer" });
  const { role, serverTime } = parsed.data;
  return { serverTime, role, fact: `${userName} accepted` };
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whoever wanted an answer says what came instead.
    return null;
  }
}

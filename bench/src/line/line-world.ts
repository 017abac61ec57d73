import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Address,
  createDial,
  createLowerKeys,
  createLowerLink,
  type LowerLink,
  openSpool,
  Pace,
  type Paces,
  type ProxySettings,
  registerLower,
  SPOOL_LIMITS,
  type Spool,
} from "@tms/link/lower";
import { newId, type Sha256, STREAMS, systemClock } from "@tms/records";
import { FakePortal, FakeProxy, makeThreatEvent } from "@tms/testkit";
import { MeteredLine } from "./metered-line.ts";

/** One lower party before a fake portal. */
export interface Sender {
  link: LowerLink;
  spool: Spool;
  /** Records that compress to about so many bytes. @returns how many */
  fill(bytes: number): Promise<number>;
  received(): Promise<number>;
  close(): Promise<void>;
}

/** One lower party before a portal of its own, over a line that is metered, with or without a proxy in it. */
export interface LineWorld extends Sender {
  portal: FakePortal;
  paces: Paces;
  /** What passes between the lower party and the first thing it dials for logs; and the same for the status server. */
  lines: { log: MeteredLine; status: MeteredLine };
}

const RECORD_BYTES = 6000;

export async function openLineWorld(options: {
  protocol: "ssl" | "ssh";
  proxy: "none" | "http" | "socks5";
}): Promise<LineWorld> {
  const { protocol } = options;
  const portal = await FakePortal.start();
  const logPort = portal.ports[protocol];
  const proxy = options.proxy === "none" ? null : await FakeProxy.start({ kind: options.proxy });
  const lines =
    proxy === null
      ? {
          log: await MeteredLine.start({ host: portal.host, port: logPort }),
          status: await MeteredLine.start({ host: portal.host, port: portal.ports.status }),
        }
      : await throughOne(proxy);
  const settings: ProxySettings | null =
    proxy === null ? null : { kind: proxy.options.kind, host: "127.0.0.1", port: lines.log.port };
  const paces: Paces = { up: new Pace(), down: new Pace() };
  const at = (line: MeteredLine, port: number) => ({ host: "127.0.0.1", port: proxy === null ? line.port : port });
  const sender = await openSender(portal, {
    protocol,
    proxy: settings,
    paces,
    statusServer: at(lines.status, portal.ports.status),
    logServer: at(lines.log, logPort),
  });
  return {
    ...sender,
    portal,
    paces,
    lines,
    close: async () => {
      await sender.close();
      await Promise.all([lines.log.close(), lines.status.close(), proxy?.close()]);
      await portal.close();
    },
  };
}

/** Registers a lower party; it sends once its link is started. */
export async function openSender(
  portal: FakePortal,
  how: {
    protocol: "ssl" | "ssh";
    proxy: ProxySettings | null;
    paces?: Paces;
    statusServer: Address;
    logServer: Address;
  },
): Promise<Sender> {
  const directory = await mkdtemp(join(tmpdir(), "tms-line-"));
  const keys = await createLowerKeys(join(directory, "keys"));
  const instanceId = newId<string>();
  const identity = await registerLower({
    keys,
    statusServer: { host: portal.host, port: portal.ports.status },
    caPins: [portal.authority.spkiPin],
    patternRoot: portal.patternRoot,
    request: {
      credentials: { kind: "password", userName: portal.userName, password: portal.password },
      kind: "mitigator",
      version: "1.0.0",
      host: "bench",
      instanceId,
    },
  });
  // Batches of the size that a thin line would want: the bench watches bytes, not how batches are cut.
  const limits = { ...SPOOL_LIMITS, sealPlainBytes: 2 * 1024 * 1024 };
  const spool = await openSpool({ directory: join(directory, "spool"), streams: STREAMS, clock: systemClock, limits });
  const { paces } = how;
  const link = createLowerLink({
    keys,
    identity,
    dial: createDial({ proxy: how.proxy, ...(paces === undefined ? {} : { paces }) }),
    ...(paces === undefined ? {} : { paces }),
    statusServer: how.statusServer,
    logServer: { ...how.logServer, protocol: how.protocol },
    spool,
    describe: () => ({ version: "1.0.0", host: "bench", instanceId, ready: { ok: true, reasons: [] }, sending: "on" }),
    onDirective: async ({ id }) => ({ id, ok: true }),
    clock: systemClock,
    log: { info: () => undefined, warn: () => undefined },
  });
  return {
    link,
    spool,
    fill: async (bytes) => {
      const count = Math.ceil(bytes / RECORD_BYTES);
      for (let done = 0; done < count; done += 50) {
        const records = Array.from({ length: Math.min(50, count - done) }, heavyEvent);
        await spool.append("threat-events", records);
      }
      return count;
    },
    received: async () => (await portal.records(identity.product, "threat-events")).length,
    close: async () => {
      await link.stop();
      await spool.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Behind a proxy both servers are reached over the one line to it. */
async function throughOne(proxy: FakeProxy): Promise<LineWorld["lines"]> {
  const line = await MeteredLine.start({ host: proxy.host, port: proxy.port });
  return { log: line, status: line };
}

/** Random text, so that compression does not turn bytes into nothing. */
function heavyEvent() {
  const event = makeThreatEvent();
  const file = {
    path: `/${randomBytes(RECORD_BYTES).toString("base64")}`,
    sha256: "0".repeat(64) as Sha256,
    sizeBytes: 1,
  };
  return { ...event, body: { ...event.body, file } };
}

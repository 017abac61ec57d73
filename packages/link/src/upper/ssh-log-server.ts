import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { AppError, type ProductId, systemClock } from "@tms/records";
import ssh2, { type AuthContext, type Connection, type ServerChannel } from "ssh2";
import { REFUSED_GRACE_MS } from "./open-connections.ts";
import { runIngest } from "./ssh-ingest.ts";
import { authenticate, peerNow, type SshIdentity } from "./ssh-log-on.ts";
import { SSH_LIMITS, type SshLimits, type SshLogServerDeps, type SshSession } from "./ssh-session.ts";
import { serveSftp } from "./ssh-sftp.ts";
import { runTest } from "./ssh-test.ts";

// The SSH form of log sending. One product a connection; two things to do: SFTP below /in/, and `exec tms-ingest`.
// I1  Sockets are counted and timed before ssh2 sees them: its own `connection` event fires only after the peer's
//     ident line, so 60 silent sockets were neither counted nor timed out.
// I2  AES-GCM only; no shell, no forwarding, no other command.
// I3  Each batch is judged as on HTTPS: the identity is looked up again per batch, not per connection.

export interface SshLogServer {
  /** Resolves with the port, which differs from the asked one if that was 0. */
  listen(host: string, port: number): Promise<number>;
  close(): Promise<void>;
  /** How its connections stand, and what was refused since the start. */
  counts(): SshCounts;
}

export interface SshCounts {
  open: number;
  unauthenticated: number;
  allTaken: number;
  addressTaken: number;
  /** Cut because nobody had logged on in time. */
  notInTime: number;
  logOnsRefused: number;
}

export function createSshLogServer(given: SshLogServerDeps): SshLogServer {
  const deps = { ...given, limits: { ...SSH_LIMITS, ...given.limits }, clock: given.clock ?? systemClock };
  const gate = new Gate(deps.limits);
  const answers = new Map<ProductId, string>();
  const sockets = new Set<Socket>();
  const entered: Socket[] = [];
  const served = new Set<Served>();
  const onConnection = (connection: Connection, info: { ip: string; port: number }) => {
    const socket = entered.find((one) => one.remotePort === info.port && one.remoteAddress === info.ip);
    if (socket === undefined) return connection.end();
    const one = serve(connection, { socket, address: info.ip, deps, gate, answers });
    served.add(one);
    socket.once("close", () => served.delete(one));
  };
  const sshNow = currentServer(deps.hostKeyPem, onConnection);
  const endWatch = deps.identity.onChange((product) => {
    for (const one of [...served]) if (product === null || one.product() === product) void one.lookAgain();
  });
  const listener: Server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    if (!gate.enter(socket)) return socket.destroy();
    sockets.add(socket);
    entered.push(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      entered.splice(entered.indexOf(socket), 1);
    });
    sshNow().injectSocket(socket);
  });
  return {
    counts: () => gate.counts(),
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        listener.once("error", reject);
        listener.listen(port, host, () => {
          listener.removeListener("error", reject);
          const bound = listener.address();
          resolve(typeof bound === "object" && bound !== null ? bound.port : port);
        });
      }),
    close: () =>
      new Promise((resolve) => {
        endWatch();
        listener.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** ssh2 takes its host key once: another key is another server. Connections stay with the one that took them. */
function currentServer(
  hostKeyPem: () => string,
  onConnection: (connection: Connection, info: { ip: string; port: number }) => void,
): () => ssh2.Server {
  const make = (pem: string) => {
    const ssh = new ssh2.Server({
      hostKeys: [pem],
      ident: "TMS",
      algorithms: { cipher: ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"] },
      keepaliveInterval: 30_000,
      keepaliveCountMax: 3,
    });
    ssh.on("connection", onConnection);
    return { pem, ssh };
  };
  let now = make(hostKeyPem());
  return () => {
    const pem = hostKeyPem();
    if (pem !== now.pem) now = make(pem);
    return now.ssh;
  };
}

/** Bounds on sockets, by address and in all, and the deadline before log-on. */
class Gate {
  readonly #limits: SshLimits;
  readonly #waiting = new Map<Socket, NodeJS.Timeout>();
  #open = 0;
  readonly #refused = { allTaken: 0, addressTaken: 0, notInTime: 0, logOnsRefused: 0 };

  constructor(limits: SshLimits) {
    this.#limits = limits;
  }

  counts(): SshCounts {
    return { open: this.#open, unauthenticated: this.#waiting.size, ...this.#refused };
  }

  logOnRefused(): void {
    this.#refused.logOnsRefused += 1;
  }

  enter(socket: Socket): boolean {
    const address = socket.remoteAddress ?? "";
    const sameAddress = [...this.#waiting.keys()].filter((one) => one.remoteAddress === address).length;
    const isAddressTaken = sameAddress >= this.#limits.maxUnauthenticatedPerAddress;
    const isFull = this.#open >= this.#limits.maxConnections || this.#waiting.size >= this.#limits.maxUnauthenticated;
    if (isFull || isAddressTaken) {
      this.#refused[isFull ? "allTaken" : "addressTaken"] += 1;
      return false;
    }
    this.#open += 1;
    this.#waiting.set(
      socket,
      setTimeout(() => {
        this.#refused.notInTime += 1;
        socket.destroy();
      }, this.#limits.preAuthMs),
    );
    socket.once("close", () => {
      this.#open -= 1;
      this.authenticated(socket);
    });
    return true;
  }

  authenticated(socket: Socket): void {
    clearTimeout(this.#waiting.get(socket));
    this.#waiting.delete(socket);
  }
}

/** A connection as the identity's changes concern it. */
interface Served {
  /** null before the log-on, and for a test log-on. */
  product(): ProductId | null;
  /** Ends the connection if its product is refused by now; what is under way hears the refusal first. */
  lookAgain(): Promise<void>;
}

function serve(connection: Connection, context: Omit<SshSession, "who" | "refused"> & { gate: Gate }): Served {
  const { deps, gate, socket, address, answers } = context;
  let who: SshIdentity | null = null;
  let tries = 0;
  const running = new Set<Promise<void>>();
  const { promise: refused, reject: refuse } = Promise.withResolvers<never>();
  // Nobody may be listening when it comes.
  refused.catch(() => undefined);
  // A broken connection is its sender's to repeat; nothing of it was acknowledged.
  connection.on("error", () => connection.end());
  connection.on("authentication", (asked: AuthContext) => {
    void (async () => {
      const found = await authenticate(asked, { deps, address });
      if (found === "probe") return asked.accept();
      if (found !== null) {
        who = found;
        gate.authenticated(socket);
        return asked.accept();
      }
      if (asked.method !== "none") {
        tries += 1;
        gate.logOnRefused();
      }
      if (tries >= deps.limits.maxTries) return connection.end();
      if (asked.method !== "none") await pause(deps.limits.refusalDelayMs);
      asked.reject(["publickey", "password"]);
    })().catch((error: unknown) => {
      deps.log?.warn({ err: error }, "ssh log-on failed");
      connection.end();
    });
  });
  connection.on("session", (accept) => {
    if (who === null) return;
    const session = accept();
    const shared: SshSession = { who, socket, address, deps, refused, answers };
    session.on("exec", (acceptExec, rejectExec, info) => {
      const command = commandOf(info.command, shared);
      if (command === null) return rejectExec?.();
      const ended = run(acceptExec(), (channel) => command(channel, shared));
      running.add(ended);
      void ended.then(() => running.delete(ended));
    });
    session.on("sftp", (acceptSftp, rejectSftp) => {
      if (shared.who.kind === "product") serveSftp(acceptSftp(), shared);
      else rejectSftp?.();
    });
    session.on("pty", (_accept, reject) => reject?.());
    session.on("shell", (_accept, reject) => reject?.());
  });
  connection.on("request", (_accept, reject) => reject?.());
  return {
    product: () => (who?.kind === "product" ? who.peer.product : null),
    async lookAgain() {
      if (who?.kind !== "product") return;
      const refusal = await refusalOf(who, deps);
      if (refusal === null) return;
      refuse(refusal);
      const timer = setTimeout(() => socket.destroy(), REFUSED_GRACE_MS);
      socket.once("close", () => clearTimeout(timer));
      await Promise.all(running);
      connection.end();
    },
  };
}

/** Why the product may not go on; null if it may, or if nobody can say just now: each batch is judged by itself anyway. */
async function refusalOf(
  who: Extract<SshIdentity, { kind: "product" }>,
  deps: SshSession["deps"],
): Promise<AppError | null> {
  try {
    await peerNow(who, deps);
    return null;
  } catch (error) {
    if (error instanceof AppError && error.row.status < 500) return error;
    deps.log?.warn({ err: error }, "an open ssh connection was not looked at");
    return null;
  }
}

/** The closed set of commands; a test log-on can only test. */
function commandOf(command: string, session: SshSession) {
  if (command === "tms-test") return runTest;
  if (command === "tms-ingest" && session.who.kind === "product") return runIngest;
  return null;
}

/** Resolves when the channel has been ended. */
function run(channel: ServerChannel, command: (channel: ServerChannel) => Promise<number>): Promise<void> {
  channel.on("error", () => channel.close());
  return command(channel).then(
    (status) => {
      channel.exit(status);
      channel.end();
    },
    () => {
      channel.exit(1);
      channel.close();
    },
  );
}

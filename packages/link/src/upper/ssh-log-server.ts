import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { type ProductId, systemClock } from "@tms/records";
import ssh2, { type AuthContext, type Connection, type ServerChannel } from "ssh2";
import { runIngest } from "./ssh-ingest.ts";
import { authenticate, type SshIdentity } from "./ssh-log-on.ts";
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
}

export function createSshLogServer(given: SshLogServerDeps): SshLogServer {
  const deps = { ...given, limits: { ...SSH_LIMITS, ...given.limits }, clock: given.clock ?? systemClock };
  const gate = new Gate(deps.limits);
  const answers = new Map<ProductId, string>();
  const sockets = new Set<Socket>();
  const ssh = new ssh2.Server({
    hostKeys: [deps.hostKeyPem],
    ident: "TMS",
    algorithms: { cipher: ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"] },
    keepaliveInterval: 30_000,
    keepaliveCountMax: 3,
  });
  const entered: Socket[] = [];
  ssh.on("connection", (connection, info) => {
    const socket = entered.find((one) => one.remotePort === info.port && one.remoteAddress === info.ip);
    if (socket === undefined) connection.end();
    else serve(connection, { socket, address: info.ip, deps, gate, answers });
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
    ssh.injectSocket(socket);
  });
  return {
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
        listener.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Bounds on sockets, by address and in all, and the deadline before log-on. */
class Gate {
  readonly #limits: SshLimits;
  readonly #waiting = new Map<Socket, NodeJS.Timeout>();
  #open = 0;

  constructor(limits: SshLimits) {
    this.#limits = limits;
  }

  enter(socket: Socket): boolean {
    const address = socket.remoteAddress ?? "";
    const sameAddress = [...this.#waiting.keys()].filter((one) => one.remoteAddress === address).length;
    const full =
      this.#open >= this.#limits.maxConnections ||
      this.#waiting.size >= this.#limits.maxUnauthenticated ||
      sameAddress >= this.#limits.maxUnauthenticatedPerAddress;
    if (full) return false;
    this.#open += 1;
    this.#waiting.set(
      socket,
      setTimeout(() => socket.destroy(), this.#limits.preAuthMs),
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

function serve(connection: Connection, context: Omit<SshSession, "who"> & { gate: Gate }): void {
  const { deps, gate, socket, address, answers } = context;
  let who: SshIdentity | null = null;
  let tries = 0;
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
      if (asked.method !== "none") tries += 1;
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
    const shared: SshSession = { who, socket, address, deps, answers };
    session.on("exec", (acceptExec, rejectExec, info) => {
      const command = commandOf(info.command, shared);
      if (command === null) return rejectExec?.();
      run(acceptExec(), (channel) => command(channel, shared));
    });
    session.on("sftp", (acceptSftp, rejectSftp) => {
      if (shared.who.kind === "product") serveSftp(acceptSftp(), shared);
      else rejectSftp?.();
    });
    session.on("pty", (_accept, reject) => reject?.());
    session.on("shell", (_accept, reject) => reject?.());
  });
  connection.on("request", (_accept, reject) => reject?.());
}

/** The closed set of commands; a test log-on can only test. */
function commandOf(command: string, session: SshSession) {
  if (command === "tms-test") return runTest;
  if (command === "tms-ingest" && session.who.kind === "product") return runIngest;
  return null;
}

function run(channel: ServerChannel, command: (channel: ServerChannel) => Promise<number>): void {
  channel.on("error", () => channel.close());
  command(channel).then(
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

import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import { addressKey } from "./rate-limit.ts";

// Bounds on the connections of one listener, from the accepted socket on: TLS and HTTP see only what is let in.
// G1  A connection is unfinished until the headers of its first request are complete, and until then has one deadline:
//     silent sockets, halted handshakes and headers that dribble are the same attack.
// G2  Per address only unfinished ones are counted: a site's mitigators stand behind one address for years.
// G3  Where all unfinished places are taken, the oldest of the address that holds most gives way to the newcomer, so
//     that a flood hinders itself and not somebody from elsewhere.
// G4  A body that comes too slowly is cut. Waiting for us (a slow disk, a store that is away) is not slowness.

export interface ConnectionLimits {
  /** Open connections, of whatever state. */
  maxConnections: number;
  maxUnfinished: number;
  /** An IPv6 network of 64 bits is one address. */
  maxUnfinishedPerAddress: number;
  /** From the accepted socket to the end of its first request's headers; later requests have it for their headers. */
  firstRequestMs: number;
  /** How much of a body must come within `bodyWindowMs`. */
  minBodyBytes: number;
  bodyWindowMs: number;
}

/**
 * 256 unfinished ones an address are 25 new connections a second by somebody who stays silent, and more than a site's
 * mitigators after an outage: a handshake takes milliseconds. 2 KB in 30 s is a hundredth of the thinnest line that is
 * served (64 kbit/s), so that a hundred uploads may share it; who dribbles pays 30 s at most.
 */
export const CONNECTION_LIMITS: ConnectionLimits = {
  maxConnections: 20_000,
  maxUnfinished: 2_048,
  maxUnfinishedPerAddress: 256,
  firstRequestMs: 10_000,
  minBodyBytes: 2_048,
  bodyWindowMs: 30_000,
};

/** Why a connection was refused or cut. */
export const CUT_REASONS = ["all-taken", "address-taken", "gave-way", "no-request", "slow-body"] as const;
export type CutReason = (typeof CUT_REASONS)[number];

export interface ConnectionCounts {
  open: number;
  unfinished: number;
  /** Since the start. */
  cut: Readonly<Record<CutReason, number>>;
}

interface Unfinished {
  key: string;
  socket: Socket;
  deadline: NodeJS.Timeout;
}

/** Stands before a server's own handling of connections. */
export class ConnectionGate {
  readonly #limits: ConnectionLimits;
  /** By the connection's four ends, oldest first: TLS hands on another socket than it got. */
  readonly #unfinished = new Map<string, Unfinished>();
  readonly #perAddress = new Map<string, number>();
  readonly #cut: Record<CutReason, number> = {
    "all-taken": 0,
    "address-taken": 0,
    "gave-way": 0,
    "no-request": 0,
    "slow-body": 0,
  };
  #open = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Puts the gate before what the server does with connections; to be called once its own listeners are there. */
  guard(server: Server): void {
    const inner = server.listeners("connection");
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      if (!this.#enter(socket)) return socket.destroy();
      for (const listener of inner) listener.call(server, socket);
    });
    server.on("request", (request: IncomingMessage) => {
      this.#finish(endsOf(request.socket));
      this.#watchBody(request);
    });
  }

  counts(): ConnectionCounts {
    return { open: this.#open, unfinished: this.#unfinished.size, cut: { ...this.#cut } };
  }

  /** Cuts what has not asked anything yet; for the stop. */
  cutUnfinished(): void {
    for (const { socket } of [...this.#unfinished.values()]) socket.destroy();
  }

  #enter(socket: Socket): boolean {
    // The peer may be gone already; its ends are then unknown.
    if (socket.remoteAddress === undefined) return false;
    const key = addressKey(socket.remoteAddress);
    const refusal = this.#refusalOf(key);
    if (refusal !== null) {
      this.#cut[refusal] += 1;
      return false;
    }
    if (this.#unfinished.size >= this.#limits.maxUnfinished) this.#giveWay();
    const ends = endsOf(socket);
    const deadline = setTimeout(() => {
      this.#cut["no-request"] += 1;
      socket.destroy();
    }, this.#limits.firstRequestMs);
    this.#unfinished.set(ends, { key, socket, deadline });
    this.#perAddress.set(key, (this.#perAddress.get(key) ?? 0) + 1);
    this.#open += 1;
    socket.once("close", () => {
      this.#open -= 1;
      this.#finish(ends);
    });
    return true;
  }

  #refusalOf(key: string): CutReason | null {
    if (this.#open >= this.#limits.maxConnections) return "all-taken";
    return (this.#perAddress.get(key) ?? 0) >= this.#limits.maxUnfinishedPerAddress ? "address-taken" : null;
  }

  /** G3. Looks through at most `maxUnfinished` entries, and only while all are taken. */
  #giveWay(): void {
    let heaviest: { key: string; count: number } | null = null;
    for (const [key, count] of this.#perAddress) {
      if (heaviest === null || count > heaviest.count) heaviest = { key, count };
    }
    for (const [ends, { key, socket }] of this.#unfinished) {
      if (key !== heaviest?.key) continue;
      this.#cut["gave-way"] += 1;
      this.#finish(ends);
      socket.destroy();
      return;
    }
  }

  #finish(ends: string): void {
    const known = this.#unfinished.get(ends);
    if (known === undefined) return;
    clearTimeout(known.deadline);
    this.#unfinished.delete(ends);
    const left = (this.#perAddress.get(known.key) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(known.key);
    else this.#perAddress.set(known.key, left);
  }

  #watchBody(request: IncomingMessage): void {
    const { headers, socket } = request;
    if (headers["content-length"] === undefined && headers["transfer-encoding"] === undefined) return;
    let seen = socket.bytesRead;
    const timer = setInterval(() => {
      const came = socket.bytesRead - seen;
      seen = socket.bytesRead;
      if (request.complete) return clearInterval(timer);
      // G4: something lies here unread, so that the peer may be unable to send.
      if (came >= this.#limits.minBodyBytes || request.readableLength > 0) return;
      this.#cut["slow-body"] += 1;
      socket.destroy();
    }, this.#limits.bodyWindowMs);
    request.once("close", () => clearInterval(timer));
  }
}

function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}

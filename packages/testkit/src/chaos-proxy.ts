import { connect, createServer, type Server, type Socket } from "node:net";

/** What the proxy does to connections made from now on. */
export interface Chaos {
  /** Each chunk is held back for so long, in both directions. */
  latencyMs?: number;
  /** As much again, at random: chunks keep their order all the same. */
  jitterMs?: number;
  /** Both directions together pass so many bytes a second. */
  bytesPerSecond?: number;
  /** The line is cut after so many bytes upwards. */
  cutAfterBytes?: number;
  /** The line is cut after so many bytes downwards: answers are lost that were given. */
  cutDownAfterBytes?: number;
  /** With a reset instead of an end. */
  reset?: boolean;
  /** Every new connection is reset at once. */
  refuse?: boolean;
  /** Accepts, reads, and never lets anything through. */
  blackHole?: boolean;
}

/** A TCP proxy on loopback that makes a line bad on purpose. */
export class ChaosProxy {
  chaos: Chaos = {};
  port = 0;
  connections = 0;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  static async start(to: { host: string; port: number }): Promise<ChaosProxy> {
    const proxy = new ChaosProxy();
    const server = createServer({ noDelay: true }, (socket) => proxy.#relay(socket, to));
    proxy.#server = server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const bound = server.address();
    proxy.port = typeof bound === "object" && bound !== null ? bound.port : 0;
    return proxy;
  }

  /** Cuts everything that is open now. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.cutAll();
    await new Promise<void>((resolve) => this.#server?.close(() => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #relay(down: Socket, to: { host: string; port: number }): void {
    this.connections += 1;
    const chaos = { ...this.chaos };
    if (chaos.refuse) {
      down.resetAndDestroy();
      return;
    }
    const up = connect({ ...to, noDelay: true });
    for (const socket of [down, up]) {
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.once("close", () => this.#sockets.delete(socket));
    }
    down.once("close", () => up.destroy());
    up.once("close", () => down.destroy());
    const cut = () => {
      if (chaos.reset) down.resetAndDestroy();
      else up.end();
    };
    this.#pass({ from: down, to: up, chaos, limit: chaos.cutAfterBytes, cut });
    this.#pass({ from: up, to: down, chaos, limit: chaos.cutDownAfterBytes, cut });
  }

  #pass(line: { from: Socket; to: Socket; chaos: Chaos; limit: number | undefined; cut: () => void }): void {
    const { from, to, chaos, cut } = line;
    const delay = new Delay(chaos);
    let left = line.limit ?? Number.POSITIVE_INFINITY;
    from.on("data", (chunk: Buffer) => {
      if (chaos.blackHole) return;
      const part = chunk.subarray(0, Math.min(chunk.length, left));
      left -= part.length;
      if (delay.isNone) to.write(part);
      else delay.pass(part, () => to.write(part));
      if (left <= 0) cut();
    });
  }
}

/** Holds chunks back and keeps their order. */
class Delay {
  readonly isNone: boolean;
  readonly #chaos: Chaos;
  #freeAt = 0;
  #last = 0;

  constructor(chaos: Chaos) {
    this.#chaos = chaos;
    this.isNone = chaos.latencyMs === undefined && chaos.jitterMs === undefined && chaos.bytesPerSecond === undefined;
  }

  pass(chunk: Buffer, deliver: () => void): void {
    const { latencyMs = 0, jitterMs = 0, bytesPerSecond } = this.#chaos;
    const now = performance.now();
    this.#freeAt =
      Math.max(this.#freeAt, now) + (bytesPerSecond === undefined ? 0 : (chunk.length / bytesPerSecond) * 1000);
    this.#last = Math.max(this.#last, this.#freeAt + latencyMs + Math.random() * jitterMs);
    setTimeout(deliver, this.#last - now);
  }
}

import { connect, createServer, type Server, type Socket } from "node:net";

/** What the proxy does to connections made from now on. */
export interface Chaos {
  /** Each chunk is held back for so long, in both directions. */
  latencyMs?: number;
  /** The line is cut after so many bytes upwards. */
  cutAfterBytes?: number;
  /** With a reset instead of an end. */
  reset?: boolean;
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
    const up = connect({ ...to, noDelay: true });
    for (const socket of [down, up]) {
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.once("close", () => this.#sockets.delete(socket));
    }
    down.once("close", () => up.destroy());
    up.once("close", () => down.destroy());
    let left = chaos.cutAfterBytes ?? Number.POSITIVE_INFINITY;
    down.on("data", (chunk: Buffer) => {
      if (chaos.blackHole) return;
      const part = chunk.subarray(0, Math.min(chunk.length, left));
      left -= part.length;
      this.#pass(up, part, chaos);
      if (left > 0) return;
      if (chaos.reset) down.resetAndDestroy();
      else up.end();
    });
    up.on("data", (chunk: Buffer) => this.#pass(down, chunk, chaos));
  }

  #pass(to: Socket, chunk: Buffer, chaos: Chaos): void {
    if (chaos.latencyMs === undefined) to.write(chunk);
    else setTimeout(() => to.write(chunk), chaos.latencyMs);
  }
}

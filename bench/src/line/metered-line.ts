import { connect, createServer, type Server, type Socket } from "node:net";

/** A TCP relay on loopback that counts what passes, in slots of time. */
export class MeteredLine {
  port = 0;
  /** Bytes so far. */
  readonly passed = { up: 0, down: 0 };
  readonly #slots = { up: new Map<number, number>(), down: new Map<number, number>() };
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  static async start(to: { host: string; port: number }): Promise<MeteredLine> {
    const line = new MeteredLine();
    const server = createServer({ noDelay: true }, (down) => line.#relay(down, to));
    line.#server = server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const bound = server.address();
    line.port = typeof bound === "object" && bound !== null ? bound.port : 0;
    return line;
  }

  /**
   * The largest deviation from a bandwidth over every window of `windowMs` between two times, as a share of it; NaN if
   * no window fits.
   */
  worstError(
    direction: "up" | "down",
    span: { fromMs: number; toMs: number; windowMs: number; bitsPerSecond: number },
  ): number {
    const { fromMs, toMs, windowMs, bitsPerSecond } = span;
    const expected = (bitsPerSecond / 8 / 1000) * windowMs;
    let worst = Number.NaN;
    for (let start = fromMs; start + windowMs <= toMs; start += SLOT_MS) {
      const error = Math.abs(this.#between(direction, start, start + windowMs) / expected - 1);
      worst = Number.isNaN(worst) ? error : Math.max(worst, error);
    }
    return worst;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server?.close(() => resolve()));
  }

  #between(direction: "up" | "down", fromMs: number, toMs: number): number {
    let bytes = 0;
    for (let slot = Math.floor(fromMs / SLOT_MS); slot < Math.floor(toMs / SLOT_MS); slot += 1) {
      bytes += this.#slots[direction].get(slot) ?? 0;
    }
    return bytes;
  }

  #relay(down: Socket, to: { host: string; port: number }): void {
    const up = connect({ ...to, noDelay: true });
    for (const socket of [down, up]) {
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.once("close", () => this.#sockets.delete(socket));
    }
    const pass = (from: Socket, into: Socket, direction: "up" | "down") => {
      from.on("data", (chunk: Buffer) => {
        const slot = Math.floor(performance.now() / SLOT_MS);
        this.passed[direction] += chunk.length;
        this.#slots[direction].set(slot, (this.#slots[direction].get(slot) ?? 0) + chunk.length);
        if (!into.write(chunk)) from.pause();
      });
      into.on("drain", () => from.resume());
      from.once("end", () => into.end());
      from.once("close", () => into.destroy());
    };
    pass(down, up, "up");
    pass(up, down, "down");
  }
}

const SLOT_MS = 50;

import { Duplex } from "node:stream";
import type { Pace } from "./pace.ts";

export interface Paces {
  up: Pace;
  down: Pace;
}

/**
 * A socket whose bytes, TLS and SSH included, go through the line's clocks. What is sent waits for its turn, unless it is
 * urgent; what is received is counted, so that whoever asks for more asks later (`Pace.take`): a reader that is slow
 * holds nothing back, because the kernel has taken megabytes by then.
 */
export class PacedSocket extends Duplex {
  readonly #inner: Duplex;
  readonly #paces: Paces;
  readonly #urgent: boolean;

  constructor(inner: Duplex, options: { paces: Paces; urgent: boolean }) {
    super({ allowHalfOpen: true });
    this.#inner = inner;
    this.#paces = options.paces;
    this.#urgent = options.urgent;
    inner.on("data", (bytes: Buffer) => {
      this.#paces.down.count(bytes.length);
      if (!this.push(bytes)) inner.pause();
    });
    inner.on("end", () => this.push(null));
    inner.on("error", (error) => this.destroy(error));
    inner.on("close", () => this.destroy());
    // Until its user attaches an error handler, a reset must not end the process.
    this.on("error", () => undefined);
  }

  override _read(): void {
    this.#inner.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(chunk).then(
      () => done(),
      (error: Error) => done(error),
    );
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#inner.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#inner.destroy();
    done(error);
  }

  async #send(chunk: Buffer): Promise<void> {
    const { up } = this.#paces;
    for (let at = 0; at < chunk.length && !this.destroyed; ) {
      const slice = chunk.subarray(at, at + (up.isUnlimited || this.#urgent ? chunk.length : up.sliceBytes()));
      at += slice.length;
      if (this.#urgent) up.count(slice.length);
      else if (!up.isUnlimited) await up.take(slice.length);
      await this.#write(slice);
    }
  }

  #write(slice: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#inner.write(slice, (error) => (error ? reject(error) : resolve()));
    });
  }
}

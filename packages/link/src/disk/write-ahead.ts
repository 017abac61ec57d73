import type { DiskFile } from "./disk.ts";

/** Bytes that may wait for the disk, so that reading from the line does not stop at every chunk. */
const WRITE_AHEAD_BYTES = 1024 * 1024;

/** Writes a new file from its begin, a bounded amount behind whoever hands the bytes over. */
export class WriteAhead {
  readonly #file: DiskFile;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #writtenBytes = 0;
  #writing: Promise<void> | null = null;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  /** Takes the chunk; resolves when more may come. Rejects if the disk failed, be it with an earlier chunk. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    this.#writing ??= this.#writeWaiting();
    if (this.#waitingBytes > WRITE_AHEAD_BYTES) await this.#writing;
  }

  /** Resolves when every byte survives a power loss. */
  async sync(): Promise<void> {
    await this.#writing;
    await this.#file.sync();
  }

  async close(): Promise<void> {
    // Whoever closes without `sync` has failed already and tells why; the file must not be closed under a write.
    await this.#writing?.catch(() => undefined);
    await this.#file.close();
  }

  /** One write at a time, each with all that waits: many small ones would be as many calls into the thread pool. */
  #writeWaiting(): Promise<void> {
    const written = this.#drain();
    // It is met at the next `write` that has to wait, or at `sync`; until then it must not end the process.
    written.catch(() => undefined);
    return written;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const bytes = Buffer.concat(this.#waiting.splice(0));
      this.#waitingBytes -= bytes.length;
      await this.#file.write(bytes, this.#writtenBytes);
      this.#writtenBytes += bytes.length;
    }
    this.#writing = null;
  }
}

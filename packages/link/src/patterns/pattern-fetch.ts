import { AppError } from "@tms/records";
import type { Fetcher } from "tuf-js";
import { DownloadHTTPError, DownloadLengthMismatchError } from "tuf-js/dist/error.js";

/** How a mirror reaches the hop above it; pacing, proxy and identity are the caller's. */
export interface PatternFetch {
  /** A metadata file's bytes by its TUF name (`timestamp.json`, `2.root.json`), null if there is none. */
  metadata(name: string): Promise<Buffer | null>;
  /** Bytes `from` up to `to` (excluded) of a target; the whole is verified by whoever asked. */
  target(path: string, range: { from: number; to: number }): Promise<Buffer>;
  /** How many bytes to ask for at once; resolves when it is our turn to ask. */
  nextSlice(): Promise<number>;
}

/** The library only joins names to this; nothing ever resolves it. */
export const FETCH_BASE = "https://pattern-mirror.invalid/";

/**
 * Gives tuf-js its metadata over a `PatternFetch` and keeps what came.
 *
 * The library turns failures below snapshot and targets into plain strings; so the fetcher remembers a failed fetch
 * itself, and a broken line is never taken for an attack or the other way round.
 */
export class RecordingFetcher implements Fetcher {
  readonly fetched = new Map<string, Buffer>();
  failure: unknown = null;
  readonly #fetch: PatternFetch;

  constructor(fetch: PatternFetch) {
    this.#fetch = fetch;
  }

  async downloadBytes(url: string, maxLength: number): Promise<Buffer> {
    const name = decodeURIComponent(url.slice(FETCH_BASE.length));
    const bytes = await this.#metadata(name);
    // Without this class for an absent file every refresh would fail on the next root, which is mostly absent.
    if (bytes === null) throw new DownloadHTTPError(`${name} is absent`, 404);
    if (bytes.length > maxLength) throw new DownloadLengthMismatchError(`${name} is too long`);
    this.fetched.set(name, bytes);
    return bytes;
  }

  downloadFile<T>(url: string): Promise<T> {
    // Targets are fetched and verified by the mirror itself, in memory; the library is never asked for one.
    return Promise.reject(new AppError("server.internal", { url }));
  }

  async #metadata(name: string): Promise<Buffer | null> {
    try {
      return await this.#fetch.metadata(name);
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }
}

import { dirname } from "node:path";
import type { Disk } from "./disk.ts";

/**
 * Makes directories whose names survive a power loss. A file that is synced in a directory that is not would be lost
 * with it: POSIX promises nothing else, and network file systems make use of that.
 */
export class DurableDirectories {
  readonly #disk: Disk;
  readonly #base: string;
  readonly #known = new Set<string>();

  /** @param base Exists; its own name is somebody else's care. */
  constructor(disk: Disk, base: string) {
    this.#disk = disk;
    this.#base = base;
  }

  /** With parents. One that is there already is synced too, once: whoever made it may have died before that. */
  async make(path: string): Promise<void> {
    if (this.#known.has(path)) return;
    await this.#disk.makeDirectory(path);
    const made: string[] = [];
    for (let at = path; at !== this.#base && at !== dirname(at) && !this.#known.has(at); at = dirname(at)) {
      await this.#disk.syncDirectory(dirname(at));
      made.push(at);
    }
    for (const one of made) this.#known.add(one);
  }

  /** It was removed: made anew, it has to be synced anew. */
  forget(path: string): void {
    this.#known.delete(path);
  }
}

import type { Disk } from "../disk/disk.ts";
import { type StoredIdentity, storeIdentity } from "./register-lower.ts";

/** The identity of a running lower party. Its certificate and what it trusts change by themselves; one change at a time. */
export class KeptIdentity {
  #current: StoredIdentity;
  readonly #place: { directory: string; disk?: Disk };
  #queue: Promise<unknown> = Promise.resolve();

  constructor(first: StoredIdentity, place: { directory: string; disk?: Disk }) {
    this.#current = first;
    this.#place = place;
  }

  get current(): StoredIdentity {
    return this.#current;
  }

  /** Resolves when it is on the disk. @param to What becomes of the one in force; the same one = nothing is written. */
  change(to: (before: StoredIdentity) => StoredIdentity): Promise<StoredIdentity> {
    const done = this.#queue.then(() => this.#change(to));
    // Its caller gets the failure; the next one only needs to know that it has ended.
    this.#queue = done.catch(() => undefined);
    return done;
  }

  async #change(to: (before: StoredIdentity) => StoredIdentity): Promise<StoredIdentity> {
    const next = to(this.#current);
    if (next === this.#current) return next;
    await storeIdentity(this.#place.directory, next, this.#place.disk);
    this.#current = next;
    return next;
  }
}

import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DirectiveOutcome } from "@tms/contracts/link";
import { readIfThere, writeDurably } from "../authority/private-file.ts";
import type { Disk } from "../disk/disk.ts";
import { nodeDisk } from "../disk/node-disk.ts";
import { acknowledgedBy, begun, earlierStartsOf, NO_STARTS, type StartsMemory } from "./starts-memory.ts";
import { readSummed, withSum } from "./summed-json.ts";

// What a lower party must remember of its heartbeats across a crash.
// I1  A counter is stored before it is sent, so that no two requests of one start ever carry the same.
// I2  A start names the last acknowledged start and every one since: that tells a restart from a clone or a restore.
// I3  An outcome stays until the upper party has committed it; a directive that was done is not done again.
// I4  A memory that the disk changed is none: the start names nothing then, as the first one of all did, and the directives
//     whose outcome the upper party lacks come again.

interface Stored extends StartsMemory {
  outcomes: DirectiveOutcome[];
  done: DirectiveOutcome[];
}

const FILE = "link-memory.json";
const MAX_DONE = 2000;
const MAX_OUTCOMES = 256;

export class LinkMemory {
  readonly start: string;
  /** What was remembered could not be read (I4). */
  readonly wasDamaged: boolean;
  readonly #path: string;
  readonly #disk: Disk;
  #stored: Stored;
  #queue: Promise<void> = Promise.resolve();

  private constructor(place: { disk: Disk; directory: string }, text: string | null, start: string) {
    const read = text === null ? null : (readSummed(text) as Stored | null);
    const known: Stored = read ?? { ...NO_STARTS, outcomes: [], done: [] };
    this.wasDamaged = text !== null && read === null;
    this.#disk = place.disk;
    this.#path = join(place.directory, FILE);
    this.#stored = { ...known, ...begun(known, start) };
    this.start = start;
  }

  /** Begins a new start of this process; it is stored with the first counter, before anything is sent. */
  static open(directory: string): LinkMemory {
    const path = join(directory, FILE);
    const text = existsSync(path) ? readFileSync(path, "utf8") : null;
    return new LinkMemory({ disk: nodeDisk, directory }, text, randomUUID());
  }

  /** The same on another disk and with a start id that the caller made. */
  static async openOn(place: { disk: Disk; directory: string }, start: string): Promise<LinkMemory> {
    return new LinkMemory(place, await readIfThere(join(place.directory, FILE), place.disk), start);
  }

  /** The last acknowledged start and all between it and this one. */
  earlierStarts(): string[] {
    return earlierStartsOf(this.#stored, this.start);
  }

  async nextCounter(): Promise<number> {
    this.#stored.counter += 1;
    const { counter } = this.#stored;
    await this.#save();
    return counter;
  }

  pendingOutcomes(): DirectiveOutcome[] {
    return this.#stored.outcomes.slice(0, MAX_OUTCOMES);
  }

  doneOutcome(id: string): DirectiveOutcome | undefined {
    return this.#stored.done.find((one) => one.id === id);
  }

  async addOutcome(outcome: DirectiveOutcome): Promise<void> {
    const others = this.#stored.outcomes.filter((one) => one.id !== outcome.id);
    this.#stored.outcomes = [...others, outcome];
    this.#stored.done = [...this.#stored.done.filter((one) => one.id !== outcome.id), outcome].slice(-MAX_DONE);
    await this.#save();
  }

  /** The upper party answered: it has committed the outcomes that were sent and knows this start. */
  async acknowledged(sent: readonly DirectiveOutcome[]): Promise<void> {
    const known = this.#stored.ackedStart === this.start;
    if (known && sent.length === 0) return;
    const outcomes = this.#stored.outcomes.filter((one) => !sent.includes(one));
    this.#stored = { ...this.#stored, ...acknowledgedBy(this.#stored, this.start), outcomes };
    await this.#save();
  }

  #save(): Promise<void> {
    const saved = this.#queue.then(() => writeDurably(this.#path, withSum(this.#stored), this.#disk));
    // A failed write is its caller's error; the next write is not hindered by it.
    this.#queue = saved.catch(() => undefined);
    return saved;
  }
}

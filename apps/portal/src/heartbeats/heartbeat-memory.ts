import type { ArrivingStart, Judgement, KnownStart } from "@tms/link/upper";
import type { ProductId } from "@tms/records";

// What this node remembers of products that keep saying the same, so that most heartbeats cost no transaction.
// M1  Only the next heartbeat of the start in force, with the content of the one before and no rival, is judged here.
//     Everything else is the store's: a gap in the counters may mean that another node heard something else meanwhile.
// M2  Whatever changes which start is in force, on any node, drops the product here by a NOTIFY; a lost LISTEN
//     connection drops all.
// M3  Counters judged here are on the disk within a second. A node that dies sooner leaves the store behind by that
//     second: a heartbeat of it that came again would be taken once more, and it said nothing new.

/** However quiet a product is, the store is asked again after this. */
const REMEMBER_MS = 10 * 60_000;
/** About 2 KB each. */
const MAX_REMEMBERED = 20_000;

interface Remembered {
  known: KnownStart;
  /** When the store was asked. */
  atMs: number;
}

export type JudgeStart = (known: KnownStart | null, arriving: ArrivingStart) => Judgement;

export class HeartbeatMemory {
  readonly #remembered = new Map<ProductId, Remembered>();
  /** Counts what was dropped: what the store said before may no longer be so. */
  #dropped = 0;

  /** Judges the heartbeat here, or says by null that the store must. */
  judge(product: ProductId, arriving: ArrivingStart, of: { nowMs: number; judge: JudgeStart }): Judgement | null {
    const remembered = this.#remembered.get(product);
    if (remembered === undefined) return null;
    const { known, atMs } = remembered;
    const isNext = arriving.start === known.start && arriving.counter === known.counter + 1;
    if (!isNext || arriving.contentDigest !== known.contentDigest || of.nowMs - atMs >= REMEMBER_MS) return null;
    const judgement = of.judge(known, arriving);
    if (judgement.kind !== "next" || judgement.challenge !== null) return null;
    remembered.known = judgement.after;
    return judgement;
  }

  /** What the store knows, or what this node heard after it was written. */
  newerOf(product: ProductId, stored: KnownStart | null): KnownStart | null {
    const here = this.#remembered.get(product)?.known;
    if (stored === null || here === undefined) return stored;
    return here.start === stored.start && here.counter > stored.counter ? here : stored;
  }

  /** Before the store is asked; to be given to `learn`. */
  mark(): number {
    return this.#dropped;
  }

  /** Keeps what the store judged, if that allows the next heartbeat to be judged here. */
  learn(product: ProductId, judgement: Judgement, of: { mark: number; nowMs: number }): void {
    if (judgement.kind === "retry" || judgement.kind === "replayed") return;
    this.#remembered.delete(product);
    const isPlain = judgement.kind === "first" || judgement.kind === "next" || judgement.kind === "restart";
    const { watch } = judgement.after;
    if (!isPlain || of.mark !== this.#dropped || watch === null || watch.rival !== null) return;
    const oldest = this.#remembered.keys().next().value;
    if (this.#remembered.size >= MAX_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
    this.#remembered.set(product, { known: judgement.after, atMs: of.nowMs });
  }

  forget(product: ProductId): void {
    this.#dropped += 1;
    this.#remembered.delete(product);
  }

  forgetAll(): void {
    this.#dropped += 1;
    this.#remembered.clear();
  }
}

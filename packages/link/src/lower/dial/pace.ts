/** A bandwidth in bits per second; null = unlimited. */
export type Bandwidth = number | null;

/**
 * What was not used may be caught up later, up to this much: neither a timer that wakes late nor the wait for an answer
 * between two batches must cost bandwidth. 3 % of the 10 s over which a bandwidth is to hold.
 */
const BURST_MS = 300;
/** One slice takes about so long, so that what shares the line takes turns and a change is felt soon. */
const SLICE_MS = 50;
const MIN_SLICE_BYTES = 256;
const MAX_SLICE_BYTES = 16_384;

/**
 * The clock that paces one direction of a line; whatever shares the line shares the clock.
 *
 * P1 Over any 10 s no more passes than the bandwidth allows, plus BURST_MS of it and what was urgent.
 * P2 Who waits is served in order of asking; slices are small, so parallel transfers get equal shares.
 * P3 A new bandwidth holds from the next slice on, also for those who wait already.
 */
export class Pace {
  /** Bytes per millisecond; Infinity = unlimited. */
  #rate: number;
  /** When the line has passed all that was taken so far, by `performance.now()`. */
  #freeAt = 0;
  #waiting: { resolve: () => void; bytes: number }[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(bandwidth: Bandwidth = null) {
    this.#rate = rateOf(bandwidth);
  }

  get isUnlimited(): boolean {
    return this.#rate === Number.POSITIVE_INFINITY;
  }

  set(bandwidth: Bandwidth): void {
    const owedBytes = Math.max(0, this.#freeAt - performance.now()) * (this.isUnlimited ? 0 : this.#rate);
    this.#rate = rateOf(bandwidth);
    this.#freeAt = performance.now() + (this.isUnlimited ? 0 : owedBytes / this.#rate);
    this.#serve();
  }

  /** How many bytes to send at once, so that others get their turn. */
  sliceBytes(): number {
    if (this.isUnlimited) return MAX_SLICE_BYTES;
    return Math.min(MAX_SLICE_BYTES, Math.max(MIN_SLICE_BYTES, Math.floor(this.#rate * SLICE_MS)));
  }

  /** How many bytes `ms` of the line are; `atMost` if it is unlimited. */
  bytesIn(ms: number, atMost: number): number {
    return Math.min(atMost, Math.floor(this.#rate * ms));
  }

  /** Resolves when it is these bytes' turn. */
  take(bytes: number): Promise<void> {
    if (this.isUnlimited) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push({ resolve, bytes });
      this.#serve();
    });
  }

  /** Counts what has passed already or must not wait; whoever takes next waits the longer. */
  count(bytes: number): void {
    if (!this.isUnlimited) this.#charge(bytes);
  }

  #charge(bytes: number): void {
    this.#freeAt = Math.max(this.#freeAt, performance.now() - BURST_MS) + bytes / this.#rate;
  }

  #serve(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const waitMs = this.isUnlimited ? 0 : this.#freeAt - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#serve(), waitMs);
        return;
      }
      this.#waiting.shift();
      this.count(first.bytes);
      first.resolve();
    }
  }
}

function rateOf(bandwidth: Bandwidth): number {
  if (bandwidth === null) return Number.POSITIVE_INFINITY;
  if (!(bandwidth > 0)) throw new RangeError("a bandwidth is more than 0 bits per second");
  return bandwidth / 8 / 1000;
}

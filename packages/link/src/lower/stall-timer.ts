/**
 * Ends what makes no progress: the signal is aborted once nothing moved for `limitMs`. A transfer over a thin line may
 * take hours, so a bound for the whole of it would be either no bound or the end of thin lines.
 */
export class StallTimer {
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly signal: AbortSignal;

  constructor(limitMs: number, outer?: AbortSignal) {
    this.#timer = setTimeout(() => this.#stop.abort(), limitMs);
    this.signal = outer === undefined ? this.#stop.signal : AbortSignal.any([this.#stop.signal, outer]);
  }

  /** Whether it was this that ended the work, and not the outer signal. */
  get stalled(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Something moved. */
  progress(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

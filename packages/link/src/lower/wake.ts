import type { Timers } from "@tms/records";

/** A wait that an event or the end of the process cuts short. */
export class Wake {
  readonly #timers: Timers;
  #woken = false;
  #resume: (() => void) | null = null;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Ends the current wait, or the next one if nobody waits. */
  now(): void {
    this.#woken = true;
    this.#resume?.();
  }

  /** Resolves when woken, when `signal` is aborted, or after `ms`. */
  async wait(signal: AbortSignal, ms: number): Promise<void> {
    if (!this.#woken && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const end = () => {
          cancel();
          signal.removeEventListener("abort", end);
          resolve();
        };
        const cancel = this.#timers.after(ms, end);
        this.#resume = end;
        signal.addEventListener("abort", end, { once: true });
      });
    }
    this.#resume = null;
    this.#woken = false;
  }
}

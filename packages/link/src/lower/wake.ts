/** A wait that an event or the end of the process cuts short. */
export class Wake {
  #woken = false;
  #resume: (() => void) | null = null;

  /** Ends the current wait, or the next one if nobody waits. */
  now(): void {
    this.#woken = true;
    this.#resume?.();
  }

  /** Resolves when woken, when `signal` is aborted, or after `ms`. */
  async wait(signal: AbortSignal, ms: number): Promise<void> {
    if (!this.#woken && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        const end = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", end);
          resolve();
        };
        this.#resume = end;
        signal.addEventListener("abort", end, { once: true });
      });
    }
    this.#resume = null;
    this.#woken = false;
  }
}

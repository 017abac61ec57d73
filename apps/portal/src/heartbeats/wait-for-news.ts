import { type ProductId, systemTimers, type Timers } from "@tms/records";

/** Longest wait of one poll plus slack; the caller's signal usually ends it earlier. */
const MAX_WAIT_MS = 60_000;
/** After a lost LISTEN connection the waiters read again spread over this time, not all at once. */
const SPREAD_MS = 10_000;

export interface NewsWaiters {
  /** Resolves when news for the product arrives, when the signal ends the wait, or after a minute at most. */
  wait(product: ProductId, signal: AbortSignal): Promise<void>;
  wake(product: ProductId): void;
  /** News may have been missed: everybody reads again, spread over ten seconds. */
  wakeAllSpread(random: () => number): void;
  /** Releases everybody at once, before the server closes. */
  close(): void;
}

/** Keeps the long polls of this node; each waits for its own product's news only. */
export function createNewsWaiters(timers: Timers = systemTimers): NewsWaiters {
  const waiting = new Map<ProductId, Set<() => void>>();
  let isClosed = false;

  function wake(product: ProductId): void {
    for (const release of [...(waiting.get(product) ?? [])]) release();
  }

  return {
    wait: (product, signal) =>
      new Promise<void>((resolve) => {
        if (signal.aborted || isClosed) return resolve();
        const cancel = timers.after(MAX_WAIT_MS, release);
        function release(): void {
          cancel();
          signal.removeEventListener("abort", release);
          const others = waiting.get(product);
          others?.delete(release);
          if (others?.size === 0) waiting.delete(product);
          resolve();
        }
        signal.addEventListener("abort", release);
        const others = waiting.get(product) ?? new Set();
        waiting.set(product, others.add(release));
      }),
    wake,
    wakeAllSpread(random) {
      for (const product of [...waiting.keys()]) setTimeout(() => wake(product), random() * SPREAD_MS).unref();
    },
    close() {
      isClosed = true;
      for (const product of [...waiting.keys()]) wake(product);
    },
  };
}

import { AppError } from "@tms/records";

/** Counts work in flight, so that a stop can wait for it before the database goes. */
export interface AtWork {
  /** @throws {AppError} `store.unavailable` once it was ended. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Takes no more, and resolves when what was begun has ended. */
  end(): Promise<void>;
}

export function createAtWork(): AtWork {
  const running = new Set<Promise<unknown>>();
  let ended = false;
  return {
    async run(work) {
      if (ended) throw new AppError("store.unavailable", { reason: "the mitigator is stopping" });
      const begun = work();
      running.add(begun);
      try {
        return await begun;
      } finally {
        running.delete(begun);
      }
    },
    async end() {
      ended = true;
      await Promise.allSettled(running);
    },
  };
}

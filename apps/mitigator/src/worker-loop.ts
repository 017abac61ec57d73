/** A loop that passes work on, one pass at a time; woken by events, and by the clock in case an event was lost. */
export interface WorkerLoop {
  wake(): void;
  stop(): Promise<void>;
}

/** A failing pass is tried again after this time; what waits lies in the database, so nothing is lost meanwhile. */
const RETRY_MS = 2_000;

export function startWorkerLoop(options: {
  everyMs: number;
  run: (signal: AbortSignal) => Promise<void>;
  onError: (error: unknown) => void;
}): WorkerLoop {
  const stopped = new AbortController();
  let woken = false;
  let release: () => void = () => {};

  async function pause(ms: number): Promise<void> {
    if (woken || stopped.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      release = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    release = () => {};
  }

  async function loop(): Promise<void> {
    while (!stopped.signal.aborted) {
      woken = false;
      try {
        await options.run(stopped.signal);
        await pause(options.everyMs);
      } catch (error) {
        // The owner logs it; a pass that was cut by stopping is no failure.
        if (!stopped.signal.aborted) options.onError(error);
        woken = false;
        await pause(RETRY_MS);
      }
    }
  }

  const running = loop();
  return {
    wake: () => {
      woken = true;
      release();
    },
    stop: async () => {
      stopped.abort();
      release();
      await running;
    },
  };
}

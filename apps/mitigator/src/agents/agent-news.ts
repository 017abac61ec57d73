import type { EndpointId } from "@tms/records";

/** Wakes the long polls of agents for whom something waits. */
export interface AgentNews {
  wake(endpoint: EndpointId): void;
  /** Resolves at the next wake, or when the signal aborts. */
  next(endpoint: EndpointId, signal: AbortSignal): Promise<void>;
  /** Releases every waiter, so that a stop cuts no answer. */
  releaseAll(): void;
}

export function createAgentNews(): AgentNews {
  const waiters = new Map<EndpointId, Set<() => void>>();
  let closed = false;
  const wake = (endpoint: EndpointId) => {
    for (const release of waiters.get(endpoint) ?? []) release();
  };
  return {
    wake,
    next: (endpoint, signal) => {
      if (closed || signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const set = waiters.get(endpoint) ?? new Set();
        const release = () => {
          signal.removeEventListener("abort", release);
          set.delete(release);
          if (set.size === 0) waiters.delete(endpoint);
          resolve();
        };
        set.add(release);
        waiters.set(endpoint, set);
        signal.addEventListener("abort", release);
      });
    },
    releaseAll: () => {
      closed = true;
      for (const endpoint of [...waiters.keys()]) wake(endpoint);
    },
  };
}

import type { CustomerId, CustomerScope, ProductId, ProviderScope } from "@tms/records";
import { DEFAULT_SILENCE_RULES, type SilenceRules, thresholdsOf } from "./heartbeat.ts";

/** One statement a second for all: last-seen is the hot row of every fleet (notes/storage.md). */
const FLUSH_EVERY_MS = 1000;

export interface SeenProduct {
  customer: CustomerId;
  product: ProductId;
  /** How long before the statement the request arrived; the database's clock makes the time of it. */
  agoMs: number;
  /** A longer silence before it was one. */
  lateAfterMs: number;
  /** The last heartbeat that was judged without the store; null = the store has written it itself. */
  beat: Beat | null;
}

/** What goes on when a product says nothing new. */
export interface Beat {
  start: string;
  counter: number;
  contentDigest: string;
  clockOffsetMs: number;
}

export interface LastSeenStore {
  writeSeen(scope: ProviderScope, seen: readonly SeenProduct[]): Promise<void>;
  /** Says that this node serves; silence counts only then. */
  writeServing(scope: ProviderScope, node: string): Promise<void>;
}

export interface Told {
  rules?: SilenceRules;
  beat?: Beat;
}

export interface LastSeenWriter {
  note(scope: CustomerScope, product: ProductId, told?: Told): void;
  /** Writes what was noted; also called by the timer once a second. */
  flush(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

/** Collects arrivals in memory and writes them once a second; a crash loses at most the last second of "seen". */
export function createLastSeenWriter(deps: {
  store: LastSeenStore;
  scope: ProviderScope;
  node: string;
  monotonicMs: () => number;
  onError: (error: unknown) => void;
}): LastSeenWriter {
  let noted = new Map<ProductId, { customer: CustomerId; atMs: number; lateAfterMs: number; beat: Beat | null }>();
  let timer: NodeJS.Timeout | null = null;
  let flushing: Promise<void> = Promise.resolve();

  async function flushNow(): Promise<void> {
    const batch = noted;
    noted = new Map();
    const nowMs = deps.monotonicMs();
    const seen = [...batch].map(([product, { customer, atMs, lateAfterMs, beat }]) => {
      return { customer, product, agoMs: nowMs - atMs, lateAfterMs, beat };
    });
    await deps.store.writeServing(deps.scope, deps.node);
    if (seen.length > 0) await deps.store.writeSeen(deps.scope, seen);
  }

  function flush(): Promise<void> {
    flushing = flushing.then(flushNow);
    const result = flushing;
    // The next flush must not inherit this one's failure; the caller still sees it.
    flushing = flushing.catch(() => undefined);
    return result;
  }

  return {
    note: (scope, product, { rules = DEFAULT_SILENCE_RULES, beat } = {}) => {
      const { lateAfterMs } = thresholdsOf(rules);
      const last = beat ?? noted.get(product)?.beat ?? null;
      noted.set(product, { customer: scope.customer, atMs: deps.monotonicMs(), lateAfterMs, beat: last });
    },
    flush,
    start() {
      timer ??= setInterval(() => void flush().catch(deps.onError), FLUSH_EVERY_MS);
    },
    async stop() {
      if (timer !== null) clearInterval(timer);
      timer = null;
      await flush().catch(deps.onError);
    },
  };
}

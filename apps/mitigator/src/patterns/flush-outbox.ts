import type { Clock, ThreatEventRecord } from "@tms/records";
import type { PatternStore } from "./pattern-store.ts";

const ROWS_A_PASS = 200;

/**
 * Passes our own threat events into the log and the spool. Both are idempotent (by record id, by the row's number), so
 * a crash between them repeats and doubles nothing. One flush at a time: the spool's cursor only moves forwards.
 */
export function createFlushOutbox(deps: {
  patterns: Pick<PatternStore, "outbox" | "passed">;
  log: (record: ThreatEventRecord, at: Date) => Promise<void>;
  spool: (number: number, record: ThreatEventRecord) => Promise<void>;
  clock: Clock;
}): () => Promise<void> {
  let last: Promise<void> = Promise.resolve();

  async function flush(): Promise<void> {
    for (;;) {
      const rows = await deps.patterns.outbox(ROWS_A_PASS);
      for (const { id, record, createdAt } of rows) {
        await deps.log(record, createdAt);
        await deps.spool(id, record);
        await deps.patterns.passed(id, deps.clock.now());
      }
      if (rows.length < ROWS_A_PASS) return;
    }
  }

  return () => {
    const next = last.then(flush, flush);
    // The caller gets the failure; whoever comes next only needs to know that it has ended.
    last = next.catch(() => undefined);
    return next;
  };
}

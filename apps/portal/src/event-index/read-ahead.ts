import { setImmediate } from "node:timers/promises";
import type { CustomerScope, LinkRecord, RecordId } from "@tms/records";
import type { BatchToIndex, KeptAside } from "./batch-to-index.ts";
import type { NumberedRecord } from "./stored-event.ts";

export type ReadRecords = (
  scope: CustomerScope,
  blobKey: string,
) => AsyncIterable<{ number: number; line: string; record: LinkRecord | null; problem: string | null }>;

/** @typeParam Kept What the caller keeps of each record. */
export interface BatchRecords<Kept> {
  records: Map<RecordId, Kept>;
  keptAside: KeptAside[];
  repeatedWithin: number;
}

/**
 * Begins with the next batch before it is asked for: decoding and checking it is this process's work while the store
 * inserts the present one in its own. At most two batches are in memory.
 *
 * @param begin Starts what can be done ahead for the batch that arrived next after a number; null if there is none yet.
 */
export function createReadAhead<Begun extends { batch: BatchToIndex }>(
  begin: (arrival: number) => Promise<Begun | null>,
) {
  let waiting: { arrival: number; begun: Promise<Begun | null> } | null = null;
  return {
    async after(arrival: number): Promise<Begun | null> {
      const known = waiting?.arrival === arrival ? await waiting.begun : null;
      const next = known ?? (await begin(arrival));
      if (next === null) return null;
      waiting = { arrival: next.batch.arrival, begun: met(begin(next.batch.arrival)) };
      return next;
    },
  };
}

/** Whoever awaits it later meets the error; if nobody does, the batch is begun again later. */
export function met<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

const YIELD_AFTER_RECORDS = 200;

/** Reads and checks a batch's records; `keep` is all that stays of each in memory. */
export async function readBatch<Kept>(
  readRecords: ReadRecords,
  scope: CustomerScope,
  batch: BatchToIndex,
  keep: (record: NumberedRecord) => Kept,
): Promise<BatchRecords<Kept>> {
  const records = new Map<RecordId, Kept>();
  const keptAside: KeptAside[] = [];
  // A gap has no records; an unreadable batch is counted whole from its row.
  if (batch.gap !== null || !batch.readable) return { records, keptAside, repeatedWithin: 0 };
  let repeatedWithin = 0;
  for await (const { number, line, record, problem } of readRecords(scope, batch.blobKey)) {
    if (record === null) keptAside.push({ number, reason: (problem ?? "malformed").slice(0, 300) });
    else if (records.has(record.id)) repeatedWithin += 1;
    else records.set(record.id, keep({ number, line, record }));
    // Checking 10,000 records takes 0.2 s: the rest of this process, be it only an insert's body on its way, goes on.
    if ((records.size + keptAside.length) % YIELD_AFTER_RECORDS === 0) await setImmediate();
  }
  return { records, keptAside, repeatedWithin };
}

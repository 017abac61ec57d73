import type { CustomerScope, LinkRecord, RecordId } from "@tms/records";
import type { BatchToIndex, IndexStreamDeps, KeptAside, StreamPlace } from "./index-stream.ts";
import type { NumberedRecord } from "./stored-event.ts";

export type ReadRecords = (
  scope: CustomerScope,
  blobKey: string,
) => AsyncIterable<{ number: number; line: string; record: LinkRecord | null; problem: string | null }>;

export interface BatchRecords {
  records: NumberedRecord[];
  keptAside: KeptAside[];
  repeatedWithin: number;
}

export interface NextBatch {
  batch: BatchToIndex;
  read: Promise<BatchRecords>;
}

/**
 * Reads one batch further than is asked for: decoding and checking the next one is this process's work while the store
 * inserts the present one in its own. At most two batches are in memory.
 */
export function createReadAhead(
  deps: Pick<IndexStreamDeps, "batchAfter" | "readRecords">,
  scope: CustomerScope,
  place: StreamPlace,
) {
  let waiting: { arrival: number; next: Promise<NextBatch | null> } | null = null;

  async function look(arrival: number): Promise<NextBatch | null> {
    const batch = await deps.batchAfter(scope, { ...place, arrival });
    if (batch === null) return null;
    const read = readBatch(deps, scope, batch);
    // Whoever takes the batch meets the error; if nobody does, the batch is read again later.
    read.catch(() => undefined);
    return { batch, read };
  }

  return {
    /** The batch that arrived next after this one; null if there is none yet. */
    async after(arrival: number): Promise<NextBatch | null> {
      const known = waiting?.arrival === arrival ? await waiting.next : null;
      const next = known ?? (await look(arrival));
      if (next === null) return null;
      const following = look(next.batch.arrival);
      following.catch(() => undefined);
      waiting = { arrival: next.batch.arrival, next: following };
      return next;
    },
  };
}

const NOTHING: BatchRecords = { records: [], keptAside: [], repeatedWithin: 0 };

async function readBatch(
  { readRecords }: Pick<IndexStreamDeps, "readRecords">,
  scope: CustomerScope,
  batch: BatchToIndex,
): Promise<BatchRecords> {
  // A gap has no records; an unreadable batch is counted whole from its row.
  if (batch.gap !== null || !batch.readable) return NOTHING;
  const records = new Map<RecordId, NumberedRecord>();
  const keptAside: KeptAside[] = [];
  let repeatedWithin = 0;
  for await (const { number, line, record, problem } of readRecords(scope, batch.blobKey)) {
    if (record === null) keptAside.push({ number, reason: (problem ?? "malformed").slice(0, 300) });
    else if (records.has(record.id)) repeatedWithin += 1;
    else records.set(record.id, { number, line, record });
  }
  return { records: [...records.values()], keptAside, repeatedWithin };
}

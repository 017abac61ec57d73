import {
  AppError,
  type CustomerScope,
  type LinkRecord,
  type ProductId,
  type RecordId,
  type Stream,
} from "@tms/records";
import type { IndexedBatch } from "./completeness.ts";
import type { NumberedRecord } from "./stored-event.ts";

// Indexing of received batches.
// I1  Serial per stream: the stream's row is locked while one batch is indexed.
// I2  Idempotent: after a crash the same batch runs again, and only record ids that are not present are inserted.
// I3  A record that does not have its kind's form is kept aside with the reason and never stops its stream.
// I4  The hand-on to other slices comes before the commit of the cursor, so that it happens at least once; the slices
//     themselves are idempotent by record id.

export interface BatchToIndex {
  id: string;
  epoch: string;
  blobKey: string;
  readable: boolean;
  gap: unknown;
  receivedAt: Date;
  arrival: number;
}

export interface StreamPlace {
  product: ProductId;
  stream: Stream;
}

export interface KeptAside {
  number: number;
  reason: string;
}

export interface IndexStreamDeps {
  cursor: {
    /** Locks the stream's row for the time of `work`. */
    locked<T>(
      scope: CustomerScope,
      place: StreamPlace,
      work: (tx: {
        arrival: number;
        finish(batch: BatchToIndex, result: IndexedBatch, keptAside: readonly KeptAside[]): Promise<void>;
      }) => Promise<T>,
    ): Promise<T>;
    /** Reserves short numbers; numbers that a crash wastes are never given again. */
    reserveShortNumbers(scope: CustomerScope, count: number): Promise<number>;
  };
  batchAfter(scope: CustomerScope, of: StreamPlace & { arrival: number }): Promise<BatchToIndex | null>;
  readRecords(
    scope: CustomerScope,
    blobKey: string,
  ): AsyncIterable<{ number: number; line: string; record: LinkRecord | null; problem: string | null }>;
  events: {
    /** Which of these ids stand in the store, and from which batch. */
    present(scope: CustomerScope, place: StreamPlace, ids: readonly RecordId[]): Promise<Map<RecordId, string>>;
    /** One batch, one insert. */
    insert(
      scope: CustomerScope,
      place: StreamPlace,
      batch: { id: string; epoch: string; receivedAt: Date; firstShortNumber: number },
      records: readonly NumberedRecord[],
    ): Promise<void>;
    countOfBatch(scope: CustomerScope, place: StreamPlace, batch: string): Promise<number>;
  };
  handOn(scope: CustomerScope, place: StreamPlace, records: readonly LinkRecord[]): Promise<void>;
}

/** Indexes everything of one stream that has arrived, batch by batch; gives the number of batches done. */
export function createIndexStream(deps: IndexStreamDeps) {
  return async function indexStream(scope: CustomerScope, place: StreamPlace): Promise<number> {
    let done = 0;
    while (
      await deps.cursor.locked(scope, place, async (tx) => {
        const batch = await deps.batchAfter(scope, { ...place, arrival: tx.arrival });
        if (batch === null) return false;
        const { result, keptAside } = await indexBatch(deps, scope, { place, batch });
        await tx.finish(batch, result, keptAside);
        return true;
      })
    ) {
      done += 1;
    }
    return done;
  };
}

const NOTHING = { result: { newIds: 0, repeated: 0, keptAside: 0 }, keptAside: [] };

async function indexBatch(
  deps: IndexStreamDeps,
  scope: CustomerScope,
  { place, batch }: { place: StreamPlace; batch: BatchToIndex },
): Promise<{ result: IndexedBatch; keptAside: KeptAside[] }> {
  // A gap has no records; an unreadable batch is counted whole from its row.
  if (batch.gap !== null || !batch.readable) return NOTHING;
  const { records, keptAside, repeatedWithin } = await readBatch(deps.readRecords(scope, batch.blobKey));
  const present = await deps.events.present(
    scope,
    place,
    records.map(({ record }) => record.id),
  );
  const fresh = records.filter(({ record }) => !present.has(record.id));
  // Rows that a crashed run of this very batch inserted are its own new ids, not repeats.
  const own = [...present.values()].filter((from) => from === batch.id).length;
  if (fresh.length > 0) {
    const firstShortNumber =
      place.stream === "threat-events" ? await deps.cursor.reserveShortNumbers(scope, fresh.length) : 0;
    const target = { id: batch.id, epoch: batch.epoch, receivedAt: batch.receivedAt, firstShortNumber };
    await deps.events.insert(scope, place, target, fresh);
  }
  const newIds = fresh.length + own;
  const stored = await deps.events.countOfBatch(scope, place, batch.id);
  if (stored !== newIds) throw new AppError("store.unavailable", { batch: batch.id, expected: newIds, stored });
  await deps.handOn(
    scope,
    place,
    records.map(({ record }) => record),
  );
  const repeated = records.length - newIds + repeatedWithin;
  return { result: { newIds, repeated, keptAside: keptAside.length }, keptAside };
}

async function readBatch(
  lines: AsyncIterable<{ number: number; line: string; record: LinkRecord | null; problem: string | null }>,
): Promise<{ records: NumberedRecord[]; keptAside: KeptAside[]; repeatedWithin: number }> {
  const records = new Map<RecordId, NumberedRecord>();
  const keptAside: KeptAside[] = [];
  let repeatedWithin = 0;
  for await (const { number, line, record, problem } of lines) {
    if (record === null) keptAside.push({ number, reason: (problem ?? "malformed").slice(0, 300) });
    else if (records.has(record.id)) repeatedWithin += 1;
    else records.set(record.id, { number, line, record });
  }
  return { records: [...records.values()], keptAside, repeatedWithin };
}

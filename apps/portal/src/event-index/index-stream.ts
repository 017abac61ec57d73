import {
  AppError,
  type CustomerScope,
  type LinkRecord,
  type ProductId,
  type RecordId,
  type Stream,
} from "@tms/records";
import type { BatchToIndex, KeptAside, StreamPlace } from "./batch-to-index.ts";
import type { IndexedBatch } from "./completeness.ts";
import { type BatchRecords, createReadAhead, met, type ReadRecords, readBatch } from "./read-ahead.ts";
import type { NumberedRecord } from "./stored-event.ts";

// Indexing of received batches.
// I1  Serial per stream: the stream's row is locked while one batch is indexed or handed on.
// I2  Idempotent: after a crash the same batch runs again, and only record ids that are not present are inserted.
// I3  A record that does not have its kind's form is kept aside with the reason and never stops its stream.
// I4  Handing on to other slices has a cursor of its own behind that of indexing: what they cannot take never hides an
//     event from the log. It happens at least once; the slices themselves are idempotent by record id.

export interface StreamTransaction {
  /** Arrival number of the last indexed batch, and of the last one handed on. */
  indexedTo: number;
  handedOnTo: number;
  finish(batch: BatchToIndex, result: IndexedBatch, keptAside: readonly KeptAside[]): Promise<void>;
  handedOn(arrival: number): Promise<void>;
}

export interface IndexStreamDeps {
  cursor: {
    /** Locks the stream's row for the time of `work`. */
    locked<T>(scope: CustomerScope, place: StreamPlace, work: (tx: StreamTransaction) => Promise<T>): Promise<T>;
    /** Reserves short numbers; numbers that a crash wastes are never given again. */
    reserveShortNumbers(scope: CustomerScope, count: number): Promise<number>;
  };
  batchAfter(scope: CustomerScope, of: StreamPlace & { arrival: number }): Promise<BatchToIndex | null>;
  readRecords: ReadRecords;
  events: {
    /** Which of these ids stand in the store, and from which batch. */
    present(scope: CustomerScope, place: StreamPlace, ids: readonly RecordId[]): Promise<Map<RecordId, string>>;
    /** What makes a record's row of this batch, but for its short number. */
    rowOf(scope: CustomerScope, place: StreamPlace, batch: BatchToIndex): (record: NumberedRecord) => string;
    /** One batch, one insert. */
    insert(place: StreamPlace, rows: readonly string[], firstShortNumber: number): Promise<void>;
    countOfBatch(
      scope: CustomerScope,
      place: StreamPlace,
      batch: Pick<BatchToIndex, "id" | "receivedAt">,
    ): Promise<number>;
  };
  /** What other slices do with a batch; a stream that is absent here ends at the event store. */
  handOn: Partial<
    Record<Stream, (scope: CustomerScope, product: ProductId, records: readonly LinkRecord[]) => Promise<void>>
  >;
}

/** After so many batches what stands in the log goes on to the other slices, even while more arrive. */
const HAND_ON_AFTER_BATCHES = 20;

/** Indexes and hands on everything of one stream that has arrived, batch by batch; gives the number of batches done. */
export function createIndexStream(deps: IndexStreamDeps) {
  return async function indexStream(scope: CustomerScope, place: StreamPlace): Promise<number> {
    let done = 0;
    for (;;) {
      const indexed = await indexWaiting(deps, scope, place);
      await handOnWaiting(deps, scope, place);
      done += indexed;
      if (indexed < HAND_ON_AFTER_BATCHES) return done;
    }
  };
}

async function indexWaiting(deps: IndexStreamDeps, scope: CustomerScope, place: StreamPlace): Promise<number> {
  const ahead = createReadAhead((arrival) => beginIndexing(deps, scope, { ...place, arrival }));
  for (let done = 0; done < HAND_ON_AFTER_BATCHES; done += 1) {
    const worked = await deps.cursor.locked(scope, place, async (tx) => {
      const next = await ahead.after(tx.indexedTo);
      if (next === null) return false;
      const { result, keptAside } = await indexBatch(deps, scope, { place, ...next });
      await tx.finish(next.batch, result, keptAside);
      return true;
    });
    if (!worked) return done;
  }
  return HAND_ON_AFTER_BATCHES;
}

async function handOnWaiting(deps: IndexStreamDeps, scope: CustomerScope, place: StreamPlace): Promise<void> {
  const handOn = deps.handOn[place.stream];
  if (handOn === undefined) return;
  const ahead = createReadAhead(async (arrival) => {
    const batch = await deps.batchAfter(scope, { ...place, arrival });
    return batch && { batch, read: met(readBatch(deps.readRecords, scope, batch, ({ record }) => record)) };
  });
  const handOnNext = () =>
    deps.cursor.locked(scope, place, async (tx) => {
      if (tx.handedOnTo >= tx.indexedTo) return false;
      const next = await ahead.after(tx.handedOnTo);
      if (next === null) return false;
      const { records } = await next.read;
      if (records.size > 0) await handOn(scope, place.product, [...records.values()]);
      await tx.handedOn(next.batch.arrival);
      return true;
    });
  while (await handOnNext());
}

interface Begun {
  batch: BatchToIndex;
  /** The records' rows: made ahead too, so that the store never waits for them. */
  read: Promise<BatchRecords<string>>;
  /**
   * Whether records may stand in the store already. In a stream's first epoch only a run of the same batch that crashed
   * before its commit can have put them there; looking for ids costs in proportion to all that the product ever sent.
   */
  mayStand: Promise<boolean>;
}

async function beginIndexing(
  deps: IndexStreamDeps,
  scope: CustomerScope,
  of: StreamPlace & { arrival: number },
): Promise<Begun | null> {
  const batch = await deps.batchAfter(scope, of);
  if (batch === null) return null;
  const crashed = async () => (await deps.events.countOfBatch(scope, of, batch)) > 0;
  return {
    batch,
    read: met(readBatch(deps.readRecords, scope, batch, deps.events.rowOf(scope, of, batch))),
    mayStand: batch.isFirstEpoch ? met(crashed()) : Promise.resolve(true),
  };
}

async function indexBatch(
  deps: IndexStreamDeps,
  scope: CustomerScope,
  { place, batch, read, mayStand }: Begun & { place: StreamPlace },
): Promise<{ result: IndexedBatch; keptAside: KeptAside[] }> {
  const { records, keptAside, repeatedWithin } = await read;
  const present =
    records.size > 0 && (await mayStand)
      ? await deps.events.present(scope, place, [...records.keys()])
      : new Map<RecordId, string>();
  const fresh = [...records].filter(([id]) => !present.has(id)).map(([, row]) => row);
  // Rows that a crashed run of this very batch inserted are its own new ids, not repeats.
  const own = [...present.values()].filter((from) => from === batch.id).length;
  if (fresh.length > 0) {
    const firstShortNumber =
      place.stream === "threat-events" ? await deps.cursor.reserveShortNumbers(scope, fresh.length) : 0;
    await deps.events.insert(place, fresh, firstShortNumber);
  }
  const newIds = fresh.length + own;
  const stored = newIds === 0 ? 0 : await deps.events.countOfBatch(scope, place, batch);
  if (stored !== newIds) throw new AppError("store.unavailable", { batch: batch.id, expected: newIds, stored });
  const repeated = records.size - newIds + repeatedWithin;
  return { result: { newIds, repeated, keptAside: keptAside.length }, keptAside };
}

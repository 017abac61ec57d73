import {
  AppError,
  type CustomerId,
  type CustomerScope,
  type LinkRecord,
  newId,
  type ProductId,
  type RecordId,
} from "@tms/records";
import { makeThreatEvent } from "@tms/testkit";
import { expect, test } from "vitest";
import type { BatchToIndex } from "./batch-to-index.ts";
import type { IndexedBatch } from "./completeness.ts";
import { createIndexStream, type IndexStreamDeps } from "./index-stream.ts";

const SCOPE: CustomerScope = { customer: newId<CustomerId>() };
const PLACE = { product: newId<ProductId>(), stream: "threat-events" as const };

interface Line {
  record: LinkRecord | null;
  problem: string | null;
}

/** Stores in memory with the one behaviour that matters: what was inserted stays, a transaction that throws leaves nothing. */
function world(batches: Line[][], change: Partial<IndexStreamDeps> = {}) {
  const stored = new Map<RecordId, string>();
  const results = new Map<string, IndexedBatch>();
  const handed: RecordId[] = [];
  let [indexedTo, handedOnTo] = [0, 0];
  const rows: BatchToIndex[] = batches.map((_, index) => ({
    id: `batch-${index + 1}`,
    epoch: index === 0 ? "first" : "later",
    isFirstEpoch: index === 0,
    blobKey: String(index),
    readable: true,
    gap: null,
    receivedAt: new Date("2026-11-24T09:00:00Z"),
    arrival: index + 1,
  }));
  const deps: IndexStreamDeps = {
    cursor: {
      locked: (_scope, _place, work) =>
        work({
          indexedTo,
          handedOnTo,
          async finish(batch, result) {
            results.set(batch.id, result);
            indexedTo = batch.arrival;
          },
          async handedOn(arrival) {
            handedOnTo = arrival;
          },
        }),
      reserveShortNumbers: async () => 1,
    },
    batchAfter: async (_scope, of) => rows.find((row) => row.arrival > of.arrival) ?? null,
    async *readRecords(_scope, blobKey) {
      for (const [number, line] of (batches[Number(blobKey)] ?? []).entries()) yield { number, line: "", ...line };
    },
    events: {
      present: async (_scope, _place, ids) =>
        new Map(ids.flatMap((id) => (stored.has(id) ? [[id, stored.get(id) ?? ""] as const] : []))),
      rowOf: (_scope, _place, batch) => (numbered) => `${numbered.record.id} ${batch.id}`,
      async insert(_place, lines) {
        for (const [id, batch] of lines.map((line) => line.split(" "))) stored.set(id as RecordId, batch ?? "");
      },
      countOfBatch: async (_scope, _place, { id }) => [...stored.values()].filter((one) => one === id).length,
    },
    handOn: {
      async "threat-events"(_scope, _product, records) {
        handed.push(...records.map((record) => record.id));
      },
    },
    ...change,
  };
  return { indexStream: createIndexStream(deps), deps, stored, results, handed, rows };
}

const good = (): Line => ({ record: makeThreatEvent(), problem: null });

test("a batch gives new ids, repeated ids and records kept aside that add up to its count", async () => {
  const repeated = good();
  const { indexStream, results } = world([
    [repeated, good()],
    [repeated, good(), good(), { record: null, problem: "kind: unknown" }],
  ]);

  const done = await indexStream(SCOPE, PLACE);

  expect(done).toBe(2);
  expect(results.get("batch-1")).toEqual({ newIds: 2, repeated: 0, keptAside: 0 });
  expect(results.get("batch-2")).toEqual({ newIds: 2, repeated: 1, keptAside: 1 });
});

test("a crash after the insert and before the commit doubles nothing when the job runs again", async () => {
  const made = world([[good(), good(), good()]]);
  const { locked } = made.deps.cursor;
  let crashes = 1;
  made.deps.cursor.locked = (scope, place, work) =>
    locked(scope, place, (tx) =>
      work({
        ...tx,
        async finish(...result) {
          if (crashes-- > 0) throw new AppError("store.unavailable", { why: "killed here" });
          await tx.finish(...result);
        },
      }),
    );
  await expect(made.indexStream(SCOPE, PLACE)).rejects.toMatchObject({ code: "store.unavailable" });

  await made.indexStream(SCOPE, PLACE);

  expect(made.stored.size).toBe(3);
  expect(made.results.get("batch-1")).toEqual({ newIds: 3, repeated: 0, keptAside: 0 });
  expect(new Set(made.handed)).toEqual(new Set(made.stored.keys()));
});

test("what other slices cannot take is in the log all the same, and goes on when the job runs again", async () => {
  const made = world([[good()], [good()]]);
  const takes = made.deps.handOn["threat-events"];
  made.deps.handOn["threat-events"] = () => Promise.reject(new AppError("store.unavailable", { why: "killed here" }));
  await expect(made.indexStream(SCOPE, PLACE)).rejects.toMatchObject({ code: "store.unavailable" });
  const indexedMeanwhile = made.results.size;
  Object.assign(made.deps.handOn, { "threat-events": takes });

  await made.indexStream(SCOPE, PLACE);

  expect(indexedMeanwhile).toBe(2);
  expect(made.handed).toEqual([...made.stored.keys()]);
});

test("a backlog goes on to the other slices in turns, and each batch once and in order", async () => {
  const made = world(Array.from({ length: 45 }, () => [good()]));

  expect(await made.indexStream(SCOPE, PLACE)).toBe(45);

  expect(made.handed).toEqual([...made.stored.keys()]);
});

test("an insert that stored fewer rows than were sent is not taken for done", async () => {
  const { indexStream, results } = world([[good(), good()]], {
    events: {
      present: async () => new Map(),
      rowOf: () => () => "",
      insert: async () => undefined,
      countOfBatch: async () => 1,
    },
  });

  await expect(indexStream(SCOPE, PLACE)).rejects.toMatchObject({ code: "store.unavailable" });
  expect(results.size).toBe(0);
});

test("an unreadable batch and a gap are passed over without stopping the stream", async () => {
  const { indexStream, results, rows } = world([[good()], [good()], [good()]]);
  Object.assign(rows[0] ?? {}, { readable: false });
  Object.assign(rows[1] ?? {}, { gap: { cause: "spool-full" } });

  await indexStream(SCOPE, PLACE);

  expect([...results.values()].map((one) => one.newIds)).toEqual([0, 0, 1]);
});

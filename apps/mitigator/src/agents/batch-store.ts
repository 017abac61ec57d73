import type { IntakeStore, IntakeTransaction, ReceivedBatch } from "@tms/link/upper";
import type { EndpointId, Epoch, ProductId, Sha256, Stream } from "@tms/records";
import { AppError } from "@tms/records";
import { type Generated, type Kysely, sql, type Transaction } from "kysely";
import { storableJson, storableText } from "#app/storable-text.ts";
import type { SetAside, WaitingBatch } from "./agent.ts";

interface BatchTable {
  id: Generated<string>;
  product: ProductId;
  endpoint: EndpointId;
  stream: Stream;
  epoch: Epoch;
  first: string | number;
  count: string | number;
  digest: Sha256;
  header: ReceivedBatch["header"];
  blob_key: string;
  bytes: number;
  readable: boolean;
  clock_offset_ms: number;
  received_at: Date;
  relayed_at: Date | null;
}

export interface BatchTables {
  agents_batches: BatchTable;
  agents_aside: { batch: number; number: number; problem: string; line: string };
  agents_positions: { product: ProductId; stream: Stream; epoch: Epoch; next: string | number; head: Sha256 | null };
  agents_epochs: { product: ProductId; stream: Stream; epoch: Epoch; opened_at: Date };
  agents_announced: { product: ProductId; stream: Stream; epoch: Epoch; sealed_to: number };
  agents_agents: { product: ProductId; clock_offset_ms: number };
}

export interface StoredPosition {
  stream: Stream;
  epoch: Epoch;
  next: number;
  head: Sha256 | null;
}

export interface BatchStore {
  intake: IntakeStore;
  positions(product: ProductId): Promise<StoredPosition[]>;
  /** Batches whose records are still to be passed on, in the order of arrival. */
  waiting(limit: number): Promise<WaitingBatch[]>;
  /** Marks a batch as passed on, and keeps what was malformed in it; together. */
  relayed(batch: WaitingBatch, aside: readonly SetAside[], now: Date): Promise<void>;
}

export function createBatchStore(db: Kysely<BatchTables>, onAccepted: () => void): BatchStore {
  return {
    intake: {
      locked: async (peer, stream, work) => {
        const { product, endpoint } = peer;
        if (endpoint === null) throw new AppError("link.identity_unknown", { product });
        let accepted = false;
        const answer = await db.transaction().execute(async (trx) => {
          // An advisory lock stands for the row lock: the row may not exist yet.
          await sql`select pg_advisory_xact_lock(hashtextextended(${`${product} ${stream}`}, 0))`.execute(trx);
          const tx = await openTransaction(trx, { product, endpoint, stream });
          return work({
            ...tx,
            accept: async (batch, position) => {
              await tx.accept(batch, position);
              accepted = true;
            },
          });
        });
        if (accepted) onAccepted();
        return answer;
      },
    },
    positions: async (product) => {
      const rows = await db.selectFrom("agents_positions").selectAll().where("product", "=", product).execute();
      return rows.map(({ stream, epoch, next, head }) => ({ stream, epoch, next: Number(next), head }));
    },
    waiting: async (limit) => {
      const rows = await db
        .selectFrom("agents_batches")
        .selectAll()
        .where("relayed_at", "is", null)
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map(waitingOf);
    },
    relayed: (batch, aside, now) => markRelayed(db, batch, { aside, now }),
  };
}

async function openTransaction(
  trx: Transaction<BatchTables>,
  of: { product: ProductId; endpoint: EndpointId; stream: Stream },
): Promise<IntakeTransaction> {
  const { product, endpoint, stream } = of;
  const position = await trx
    .selectFrom("agents_positions")
    .selectAll()
    .where("product", "=", product)
    .where("stream", "=", stream)
    .executeTakeFirst();
  const announced = await trx
    .selectFrom("agents_announced")
    .select("epoch")
    .where("product", "=", product)
    .where("stream", "=", stream)
    .where("epoch", "not in", (opened) =>
      opened.selectFrom("agents_epochs").select("epoch").where("product", "=", product).where("stream", "=", stream),
    )
    .executeTakeFirst();
  const agent = await trx
    .selectFrom("agents_agents")
    .select("clock_offset_ms")
    .where("product", "=", product)
    .executeTakeFirstOrThrow();
  return {
    position: () =>
      position === undefined ? null : { epoch: position.epoch, next: Number(position.next), head: position.head },
    epochAnnounced: (epoch) => announced?.epoch === epoch,
    knowsDigest: async (digest) =>
      (await trx
        .selectFrom("agents_batches")
        .select("id")
        .where("product", "=", product)
        .where("stream", "=", stream)
        .where("digest", "=", digest)
        .executeTakeFirst()) !== undefined,
    openEpoch: async (epoch) => {
      await trx.insertInto("agents_epochs").values({ product, stream, epoch, opened_at: sql`now()` }).execute();
    },
    accept: async (batch, next) => {
      await trx
        .insertInto("agents_batches")
        .values({ product, endpoint, stream, clock_offset_ms: agent.clock_offset_ms, ...columnsOf(batch) })
        .execute();
      await trx
        .insertInto("agents_positions")
        .values({ product, stream, ...next })
        .onConflict((conflict) => conflict.columns(["product", "stream"]).doUpdateSet(next))
        .execute();
    },
  };
}

function columnsOf(batch: ReceivedBatch) {
  return {
    epoch: batch.header.epoch,
    first: batch.header.first,
    count: batch.header.count,
    digest: batch.digest,
    header: storableJson(batch.header),
    blob_key: batch.blobKey,
    bytes: batch.bytes,
    readable: batch.readable,
    received_at: batch.receivedAt,
  };
}

async function markRelayed(
  db: Kysely<BatchTables>,
  batch: WaitingBatch,
  done: { aside: readonly SetAside[]; now: Date },
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    for (const { number, problem, line } of done.aside) {
      await trx
        .insertInto("agents_aside")
        .values({ batch: batch.id, number, problem: storableText(problem), line: storableText(line) })
        .onConflict((conflict) => conflict.columns(["batch", "number"]).doNothing())
        .execute();
    }
    await trx.updateTable("agents_batches").set({ relayed_at: done.now }).where("id", "=", String(batch.id)).execute();
  });
}

function waitingOf(row: Omit<BatchTable, "id"> & { id: string }): WaitingBatch {
  const gap = "gap" in row.header ? row.header.gap : null;
  return {
    id: Number(row.id),
    product: row.product,
    endpoint: row.endpoint,
    stream: row.stream,
    epoch: row.epoch,
    first: Number(row.first),
    count: Number(row.count),
    gap: gap === null ? null : { cause: gap.cause, from: gap.from, to: gap.to },
    blobKey: row.blob_key,
    readable: row.readable,
    clockOffsetMs: row.clock_offset_ms,
    receivedAt: row.received_at,
  };
}

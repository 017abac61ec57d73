import type { IntakeStore, IntakeTransaction, ReceivedBatch } from "@tms/link/upper";
import type { CustomerId, CustomerScope, Epoch, ProductId, ProviderScope, Sha256, Stream } from "@tms/records";
import { createReadTogether, type Databases, inCustomer, inProvider } from "@tms/server-kit";
import { type Kysely, sql } from "kysely";
import type { BatchRow, DeclaredGap, IndexJob, StreamPlace } from "./batch-row.ts";

export interface LogIntakeStore extends IntakeStore {
  positions(scope: CustomerScope, product: ProductId): Promise<StreamPlace[]>;
  batches(scope: CustomerScope, of: { product: ProductId; stream: Stream }): Promise<BatchRow[]>;
  /** The same, once every batch that is being taken right now is in: whatever comes after was received after the call. */
  settledBatches(scope: CustomerScope, of: { product: ProductId; stream: Stream }): Promise<BatchRow[]>;
  /** The batch that arrived next after another one; null if there is none yet. */
  batchAfter(
    scope: CustomerScope,
    of: { product: ProductId; stream: Stream; arrival: number },
  ): Promise<(BatchRow & { isFirstEpoch: boolean }) | null>;
  /** When logs last arrived and over which protocol, for all products. */
  lastLogs(scope: ProviderScope): Promise<Map<ProductId, { at: Date; protocol: "ssl" | "ssh" }>>;
  /** Numbers per product that arrived as declared gaps or as unreadable batches. */
  lossByProduct(scope: ProviderScope): Promise<Map<ProductId, { lost: number; unreadable: number }>>;
  /** Batches and records, by stream, that arrived after these marks; of a product without a mark, all. */
  beyond(
    scope: ProviderScope,
    marks: readonly { product: ProductId; stream: Stream; arrival: number }[],
  ): Promise<Map<Stream, { batches: number; records: number }>>;
}

export interface LogIntakeStoreDeps {
  db: Databases;
  /** The epoch that the latest heartbeat announced for the stream; null if none did. */
  latestEpoch(scope: CustomerScope, product: ProductId, stream: Stream): Promise<Epoch | null>;
  /** Sends the indexing job inside the transaction of the batch row. */
  enqueue(job: IndexJob, trx: Kysely<unknown>): Promise<void>;
  /** Counts what was taken, in the same transaction. */
  countBytes(of: StreamOwner & { bytes: number }, trx: Kysely<unknown>): Promise<void>;
  newId: () => string;
}

interface StreamOwner {
  customer: CustomerScope["customer"];
  product: ProductId;
}

const COLUMNS = sql`id, product, stream, epoch, first, count, digest, blob_key, readable, gap, protocol, received_at,
  arrival`;

export function createLogIntakeStore(deps: LogIntakeStoreDeps): LogIntakeStore {
  const { db } = deps;
  const positions = createReadTogether((asked: readonly AskedProduct[]) => readPositions(db, asked));
  return {
    async locked(peer, stream, work) {
      const scope = { customer: peer.customer };
      const announced = await deps.latestEpoch(scope, peer.product, stream);
      return inCustomer(db.app, scope, async (trx) => {
        const place = { scope, product: peer.product, stream };
        const position = await lockPosition(trx, place);
        const wasClosed = announced !== null && (await isClosedEpoch(trx, { ...place, epoch: announced, position }));
        return work(transactionOf(trx, { deps, place, position, opens: wasClosed ? null : announced }));
      });
    },
    positions: (scope, product) => positions({ customer: scope.customer, product }),
    batches: (scope, of) => inCustomer(db.app, scope, (trx) => batchesOf(trx, { scope, ...of })),
    settledBatches: (scope, of) =>
      inCustomer(db.app, scope, async (trx) => {
        await lockPosition(trx, { scope, ...of });
        return batchesOf(trx, { scope, ...of });
      }),
    batchAfter: (scope, { product, stream, arrival }) =>
      inCustomer(db.app, scope, async (trx) => {
        const { rows } = await sql<Row & { first_epoch: Epoch }>`select ${COLUMNS}, (select epoch
            from log_intake_batches where customer = ${scope.customer} and product = ${product} and stream = ${stream}
            order by arrival limit 1) as first_epoch
          from log_intake_batches
          where customer = ${scope.customer} and product = ${product} and stream = ${stream} and arrival > ${arrival}
          order by arrival limit 1`.execute(trx);
        const [row] = rows;
        return row === undefined ? null : { ...batchOf(row), isFirstEpoch: row.epoch === row.first_epoch };
      }),
    lastLogs: () =>
      inProvider(db.provider, async (trx) => {
        const { rows } = await sql<{ product: ProductId; received_at: Date; protocol: "ssl" | "ssh" }>`
          select distinct on (product) product, received_at, protocol from log_intake_batches
          order by product, received_at desc`.execute(trx);
        return new Map(rows.map((row) => [row.product, { at: row.received_at, protocol: row.protocol }]));
      }),
    lossByProduct: () =>
      inProvider(db.provider, async (trx) => {
        const { rows } = await sql<{ product: ProductId; lost: string; unreadable: string }>`select product,
            coalesce(sum(count) filter (where gap is not null), 0) as lost,
            coalesce(sum(count) filter (where gap is null and not readable), 0) as unreadable
          from log_intake_batches group by product`.execute(trx);
        return new Map(
          rows.map((row) => [row.product, { lost: Number(row.lost), unreadable: Number(row.unreadable) }]),
        );
      }),
    beyond: (_scope, marks) =>
      inProvider(db.provider, async (trx) => {
        // Stream by stream along the index on arrival: what was indexed long ago is not looked at.
        const { rows } = await sql<{ stream: Stream; batches: string; records: string }>`select p.stream,
            sum(b.batches) as batches, sum(b.records) as records
          from log_intake_positions p
          left join unnest(${marks.map((mark) => mark.product)}::uuid[], ${marks.map((mark) => mark.stream)}::text[],
              ${marks.map((mark) => mark.arrival)}::bigint[]) as m (product, stream, arrival)
            on m.product = p.product and m.stream = p.stream
          cross join lateral (select count(*) as batches, coalesce(sum(count), 0) as records from log_intake_batches
            where customer = p.customer and product = p.product and stream = p.stream
              and arrival > coalesce(m.arrival, 0)) as b
          group by p.stream`.execute(trx);
        return new Map(rows.map((row) => [row.stream, { batches: Number(row.batches), records: Number(row.records) }]));
      }),
  };
}

interface AskedProduct {
  customer: CustomerId;
  product: ProductId;
}

/** Of those who ask, each sees its own only; the role that reads may see all. */
async function readPositions(db: Databases, asked: readonly AskedProduct[]): Promise<StreamPlace[][]> {
  const [customers, products] = [asked.map(({ customer }) => customer), asked.map(({ product }) => product)];
  const { rows } = await sql<{ asked: number; stream: Stream; epoch: Epoch; next: string; head: Sha256 | null }>`
    select a.asked::integer, p.stream, p.epoch, p.next, p.head
    from unnest(${customers}::uuid[], ${products}::uuid[]) with ordinality as a (customer, product, asked)
    join log_intake_positions p using (customer, product) where p.epoch is not null`.execute(db.provider);
  const found = asked.map((): StreamPlace[] => []);
  for (const { asked: at, stream, epoch, next, head } of rows) {
    found[at - 1]?.push({ stream, epoch, next: Number(next), head });
  }
  return found;
}

interface Place {
  scope: CustomerScope;
  product: ProductId;
  stream: Stream;
}

interface PositionRow {
  epoch: Epoch | null;
  next: string;
  head: Sha256 | null;
}

async function batchesOf(trx: Kysely<unknown>, { scope, product, stream }: Place): Promise<BatchRow[]> {
  const { rows } = await sql<Row>`select ${COLUMNS} from log_intake_batches
    where customer = ${scope.customer} and product = ${product} and stream = ${stream} order by arrival`.execute(trx);
  return rows.map(batchOf);
}

type Position = ReturnType<IntakeTransaction["position"]>;

async function lockPosition(trx: Kysely<unknown>, { scope, product, stream }: Place): Promise<Position> {
  await sql`insert into log_intake_positions (customer, product, stream)
    values (${scope.customer}, ${product}, ${stream}) on conflict do nothing`.execute(trx);
  const { rows } = await sql<PositionRow>`select epoch, next, head from log_intake_positions
    where customer = ${scope.customer} and product = ${product} and stream = ${stream} for update`.execute(trx);
  const row = rows[0];
  return row === undefined || row.epoch === null ? null : { epoch: row.epoch, next: Number(row.next), head: row.head };
}

/** An epoch that another one replaced stays closed for ever: an epoch never continues after a restore. */
async function isClosedEpoch(
  trx: Kysely<unknown>,
  asked: Place & { epoch: Epoch; position: Position },
): Promise<boolean> {
  if (asked.position === null || asked.position.epoch === asked.epoch) return false;
  const { rows } = await sql`select 1 from log_intake_batches where customer = ${asked.scope.customer}
    and product = ${asked.product} and stream = ${asked.stream} and epoch = ${asked.epoch} limit 1`.execute(trx);
  return rows.length > 0;
}

function transactionOf(
  trx: Kysely<unknown>,
  { deps, place, position, opens }: { deps: LogIntakeStoreDeps; place: Place; position: Position; opens: Epoch | null },
): IntakeTransaction {
  const { scope, product, stream } = place;
  return {
    position: () => position,
    epochAnnounced: (epoch) => epoch === opens,
    async knowsDigest(digest) {
      const { rows } = await sql`select 1 from log_intake_batches where customer = ${scope.customer}
        and product = ${product} and stream = ${stream} and digest = ${digest}`.execute(trx);
      return rows.length > 0;
    },
    async openEpoch(epoch) {
      await sql`update log_intake_positions set epoch = ${epoch}, next = 0, head = null
        where customer = ${scope.customer} and product = ${product} and stream = ${stream}`.execute(trx);
    },
    async accept(batch, after) {
      await insertBatch(trx, place, { batch, id: deps.newId() });
      await sql`update log_intake_positions set epoch = ${after.epoch}, next = ${after.next}, head = ${after.head}
        where customer = ${scope.customer} and product = ${product} and stream = ${stream}`.execute(trx);
      await deps.countBytes({ customer: scope.customer, product, bytes: batch.bytes }, trx);
      await deps.enqueue({ customer: scope.customer, product, stream }, trx);
    },
  };
}

async function insertBatch(
  trx: Kysely<unknown>,
  { scope, product, stream }: Place,
  { batch, id }: { batch: ReceivedBatch; id: string },
): Promise<void> {
  const { header } = batch;
  const gap = "gap" in header ? JSON.stringify(header.gap) : null;
  await sql`insert into log_intake_batches (customer, id, product, stream, epoch, first, count, digest, bytes, blob_key,
      readable, gap, protocol, received_at)
    values (${scope.customer}, ${id}, ${product}, ${stream}, ${header.epoch}, ${header.first}, ${header.count},
      ${batch.digest}, ${batch.bytes}, ${batch.blobKey}, ${batch.readable}, ${gap}::jsonb, ${batch.protocol},
      ${batch.receivedAt})`.execute(trx);
}

interface Row {
  id: string;
  product: ProductId;
  stream: Stream;
  epoch: Epoch;
  first: string;
  count: string;
  digest: Sha256;
  blob_key: string;
  readable: boolean;
  gap: { cause: string; from: string; to: string; resumes: Sha256 | null } | null;
  protocol: "ssl" | "ssh";
  received_at: Date;
  arrival: string;
}

function batchOf(row: Row): BatchRow {
  const gap: DeclaredGap | null =
    row.gap === null ? null : { ...row.gap, from: new Date(row.gap.from), to: new Date(row.gap.to) };
  return {
    id: row.id,
    product: row.product,
    stream: row.stream,
    epoch: row.epoch,
    first: Number(row.first),
    count: Number(row.count),
    digest: row.digest,
    blobKey: row.blob_key,
    readable: row.readable,
    gap,
    protocol: row.protocol,
    receivedAt: row.received_at,
    arrival: Number(row.arrival),
  };
}

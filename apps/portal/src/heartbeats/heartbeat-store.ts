import { isTaken, type KnownStart, type LastOfStart, type StartWatch } from "@tms/link/upper";
import type {
  CustomerId,
  CustomerScope,
  DirectiveId,
  Epoch,
  ProductId,
  ProviderScope,
  Sha256,
  Stream,
} from "@tms/records";
import { createReadTogether, type Databases, inCustomer, inProvider } from "@tms/server-kit";
import { type Kysely, sql } from "kysely";
import { writeChange } from "./change-store.ts";
import type { GiveDirectivesStore } from "./give-directives.ts";
import type { HeartbeatFacts, Readiness, SendSchedule, ServingPeriod } from "./heartbeat.ts";
import type { LastSeenStore } from "./last-seen-writer.ts";
import type { Directive, DirectiveKind, KeptLedger } from "./ledger.ts";
import type { HeartbeatToStore, RecordHeartbeatStore } from "./record-heartbeat.ts";

/** Payload of the NOTIFY on this channel: the product's id. */
export const DIRECTIVES_CHANNEL = "tms_directives";
/** The same, for nodes that remember which start of a product is in force. */
export const STARTS_CHANNEL = "tms_starts";

/** A node says once a second that it serves; after a longer hole, as while the database was away, it had not served. */
const BRIDGED_MS = 10_000;

export interface HeartbeatStore extends RecordHeartbeatStore, GiveDirectivesStore, LastSeenStore {
  waitingDirectives(scope: CustomerScope, product: ProductId): Promise<Directive[]>;
  ledgers(scope: CustomerScope, product: ProductId): Promise<KeptLedger[]>;
  /** The epoch that the latest heartbeat announced for the stream. */
  latestEpoch(scope: CustomerScope, of: { product: ProductId; stream: Stream }): Promise<Epoch | null>;
  facts(scope: CustomerScope, product: ProductId): Promise<HeartbeatFacts | null>;
  allFacts(scope: ProviderScope): Promise<HeartbeatFacts[]>;
  /** What all products have sealed, summed over epochs and streams. */
  sentByProduct(scope: ProviderScope): Promise<Map<ProductId, { sent: number; reportedAt: Date }>>;
  serving(scope: ProviderScope, after: Date): Promise<ServingPeriod[]>;
}

export function createHeartbeatStore(db: Databases): HeartbeatStore {
  const waitingDirectives = createReadTogether((asked: readonly AskedProduct[]) => readDirectives(db, asked));
  return {
    record: (scope, arriving, decide) =>
      inCustomer(db.app, scope, async (trx) => {
        const { known, saysTheSame } = await lockKnown(trx, scope, arriving);
        const acceptance = decide(known);
        if (acceptance.kind === "retry" || acceptance.kind === "replayed") return acceptance;
        if (!isTaken(acceptance.kind)) {
          await writeWatch(trx, scope, { product: arriving.product, watch: acceptance.after.watch });
          await tellStarts(trx, arriving.product);
          return acceptance;
        }
        await writeState(trx, scope, { ...arriving, after: acceptance.after });
        if (!saysTheSame) await writeChange(trx, scope, arriving);
        await writeLedgers(trx, scope, arriving);
        await acknowledge(trx, scope, arriving);
        if (acceptance.kind !== "next") await tellStarts(trx, arriving.product);
        return acceptance;
      }),
    add: (scope, product, directives) =>
      inCustomer(db.app, scope, async (trx) => {
        for (const directive of directives) {
          await sql`insert into heartbeats_directives (customer, product, id, kind, payload, expires_at)
            values (${scope.customer}, ${product}, ${directive.id}, ${directive.kind},
              ${JSON.stringify(directive.payload)}::jsonb, ${directive.expiresAt})`.execute(trx);
        }
        await sql`select pg_notify(${DIRECTIVES_CHANNEL}, ${product})`.execute(trx);
      }),
    waitingDirectives: (scope, product) => waitingDirectives({ customer: scope.customer, product }),
    ledgers: (scope, product) =>
      inCustomer(db.app, scope, async (trx) => {
        const { rows } =
          await sql<LedgerRow>`select stream, epoch, sealed_to, head, spooled_bytes, oldest_at, signature,
            signing_key, announced_at, reported_at from heartbeats_reports
          where customer = ${scope.customer} and product = ${product} order by announced_at`.execute(trx);
        return rows.map(ledgerOf);
      }),
    latestEpoch: (scope, of) =>
      inCustomer(db.app, scope, async (trx) => {
        const { rows } = await sql<{ epoch: Epoch }>`select epoch from heartbeats_reports
          where customer = ${scope.customer} and product = ${of.product} and stream = ${of.stream}
          order by reported_at desc, announced_at desc limit 1`.execute(trx);
        return rows[0]?.epoch ?? null;
      }),
    facts: (scope, product) =>
      inCustomer(db.app, scope, async (trx) => {
        const { rows } = await sql<FactsRow>`${FACTS} where p.customer = ${scope.customer}
          and p.product = ${product}`.execute(trx);
        return rows[0] === undefined ? null : factsOf(rows[0]);
      }),
    allFacts: () =>
      inProvider(db.provider, async (trx) => (await sql<FactsRow>`${FACTS}`.execute(trx)).rows.map(factsOf)),
    sentByProduct: () =>
      inProvider(db.provider, async (trx) => {
        const { rows } = await sql<{ product: ProductId; sent: string; reported_at: Date }>`
          select product, sum(sealed_to) as sent, max(reported_at) as reported_at
          from heartbeats_reports group by product`.execute(trx);
        return new Map(rows.map((row) => [row.product, { sent: Number(row.sent), reportedAt: row.reported_at }]));
      }),
    writeSeen: (_, seen) =>
      inProvider(db.provider, async (trx) => {
        const columns = {
          customers: seen.map((one) => one.customer),
          products: seen.map((one) => one.product),
          ago: seen.map((one) => one.agoMs),
          late: seen.map((one) => one.lateAfterMs),
          starts: seen.map(({ beat }) => beat?.start ?? null),
          counters: seen.map(({ beat }) => beat?.counter ?? null),
          digests: seen.map(({ beat }) => beat?.contentDigest ?? null),
          offsets: seen.map(({ beat }) => beat?.clockOffsetMs ?? null),
        };
        // Whoever speaks after a long silence ends it: the silence is kept in the same statement, or neither is.
        await sql`with seen as materialized (
            select customer, product, clock_timestamp() - ago * interval '1 millisecond' as at, late,
              start, counter, content_digest, clock_offset_ms
            from unnest(${columns.customers}::uuid[], ${columns.products}::uuid[], ${columns.ago}::float8[],
                ${columns.late}::float8[], ${columns.starts}::text[], ${columns.counters}::bigint[],
                ${columns.digests}::text[], ${columns.offsets}::float8[])
              as s (customer, product, ago, late, start, counter, content_digest, clock_offset_ms)),
          ended as (insert into heartbeats_silences (customer, product, since, until)
            select seen.customer, seen.product, before.at, seen.at
            from seen join heartbeats_last_seen before using (customer, product)
            where seen.at > before.at + seen.late * interval '1 millisecond'
            on conflict do nothing)
          insert into heartbeats_last_seen as l
            (customer, product, at, start, counter, content_digest, clock_offset_ms)
          select customer, product, at, start, counter, content_digest, clock_offset_ms from seen order by product
          on conflict (customer, product) do update set at = greatest(l.at, excluded.at),
            (start, counter, content_digest, clock_offset_ms) = (select n.* from (values
                (excluded.start, excluded.counter, excluded.content_digest, excluded.clock_offset_ms),
                (l.start, l.counter, l.content_digest, l.clock_offset_ms)) as n (start, counter, digest, clock_offset)
              order by n.start is null, n.start is distinct from excluded.start, n.counter desc limit 1)`.execute(trx);
      }),
    writeServing: (_, node) =>
      inProvider(db.provider, async (trx) => {
        await sql`with goes_on as (update heartbeats_serving s set until = clock_timestamp()
            where s.node = ${node} and s.since = (select max(since) from heartbeats_serving where node = ${node})
              and s.until > clock_timestamp() - ${BRIDGED_MS} * interval '1 millisecond' returning 1)
          insert into heartbeats_serving (node, since, until)
          select ${node}::uuid, clock_timestamp(), clock_timestamp()
          where not exists (select from goes_on)`.execute(trx);
      }),
    serving: (_, after) =>
      inProvider(db.provider, async (trx) => {
        const { rows } = await sql<ServingPeriod>`select since, until from heartbeats_serving
          where until > ${after} order by since`.execute(trx);
        return rows;
      }),
  };
}

/** The counter that was written with the time of arrival counts for the start in force only. */
const BEAT_IS_NEWER = sql`(s.start = p.start and s.counter > p.counter)`;

/** Two heartbeats of one product wait for each other here, also across nodes and before the row exists. */
async function lockKnown(
  trx: Kysely<unknown>,
  scope: CustomerScope,
  { product, heartbeat, address }: HeartbeatToStore,
): Promise<{ known: KnownStart | null; saysTheSame: boolean }> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`heartbeat ${product}`}, 0))`.execute(trx);
  const { rows } = await sql<{
    start: string;
    counter: string;
    content_digest: string;
    earlier_starts: LastOfStart[];
    watch: StartWatch | null;
    says_the_same: boolean;
  }>`select p.start, case when ${BEAT_IS_NEWER} then s.counter else p.counter end as counter,
      case when ${BEAT_IS_NEWER} then s.content_digest else p.content_digest end as content_digest,
      p.earlier_starts, p.watch,
      p.start = ${heartbeat.start} and ready = ${JSON.stringify(heartbeat.ready)}::jsonb
        and sending = ${heartbeat.sending} and version = ${heartbeat.version} and host = ${heartbeat.host}
        and address = ${address} and exists (select from heartbeats_changes c
          where c.customer = ${scope.customer} and c.product = ${product}) as says_the_same
    from heartbeats_products p left join heartbeats_last_seen s using (customer, product)
    where p.customer = ${scope.customer} and p.product = ${product}`.execute(trx);
  const row = rows[0];
  if (row === undefined) return { known: null, saysTheSame: false };
  const known = {
    start: row.start,
    counter: Number(row.counter),
    contentDigest: row.content_digest,
    earlier: row.earlier_starts,
    watch: row.watch,
  };
  return { known, saysTheSame: row.says_the_same };
}

interface AskedProduct {
  customer: CustomerId;
  product: ProductId;
}

/** Of those who ask, each sees its own only; the role that reads may see all. */
async function readDirectives(db: Databases, asked: readonly AskedProduct[]): Promise<Directive[][]> {
  const [customers, products] = [asked.map(({ customer }) => customer), asked.map(({ product }) => product)];
  const { rows } = await sql<{
    asked: number;
    id: DirectiveId;
    kind: DirectiveKind;
    payload: Record<string, unknown>;
    expires_at: Date;
  }>`select a.asked::integer, d.* from unnest(${customers}::uuid[], ${products}::uuid[])
      with ordinality as a (customer, product, asked)
    cross join lateral (select id, kind, payload, expires_at from heartbeats_directives
      where customer = a.customer and product = a.product and acknowledged_at is null and expires_at > now()
      order by created_at, id limit 256) as d`.execute(db.provider);
  const found = asked.map((): Directive[] => []);
  for (const { asked: at, expires_at, ...rest } of rows) found[at - 1]?.push({ ...rest, expiresAt: expires_at });
  return found;
}

async function tellStarts(trx: Kysely<unknown>, product: ProductId): Promise<void> {
  await sql`select pg_notify(${STARTS_CHANNEL}, ${product})`.execute(trx);
}

async function writeWatch(
  trx: Kysely<unknown>,
  scope: CustomerScope,
  of: { product: ProductId; watch: StartWatch | null },
): Promise<void> {
  await sql`update heartbeats_products set watch = ${JSON.stringify(of.watch)}::jsonb
    where customer = ${scope.customer} and product = ${of.product}`.execute(trx);
}

async function writeState(
  trx: Kysely<unknown>,
  scope: CustomerScope,
  arriving: HeartbeatToStore & { after: KnownStart },
): Promise<void> {
  const { heartbeat, after } = arriving;
  const [earlier, watch] = [JSON.stringify(after.earlier), JSON.stringify(after.watch)];
  const schedule = heartbeat.schedule === null ? null : JSON.stringify(heartbeat.schedule);
  const trust = heartbeat.trust === null ? null : JSON.stringify(heartbeat.trust);
  await sql`insert into heartbeats_products as p (customer, product, start, counter, content_digest, version, host,
      address, instance_id, ready, sending, agents, clock_offset_ms, earlier_starts, watch,
      schedule, trust)
    values (${scope.customer}, ${arriving.product}, ${heartbeat.start}, ${heartbeat.counter}, ${arriving.contentDigest},
      ${heartbeat.version}, ${heartbeat.host}, ${arriving.address}, ${heartbeat.instanceId},
      ${JSON.stringify(heartbeat.ready)}::jsonb, ${heartbeat.sending}, ${heartbeat.agents}, ${arriving.clockOffsetMs},
      ${earlier}::jsonb, ${watch}::jsonb, ${schedule}::jsonb, ${trust}::jsonb)
    on conflict (customer, product) do update set
      started_at = case when p.start = excluded.start then p.started_at else now() end,
      ready_since = case when p.ready = excluded.ready then p.ready_since else now() end,
      sending_since = case when p.sending = excluded.sending then p.sending_since else now() end,
      start = excluded.start, counter = excluded.counter, content_digest = excluded.content_digest,
      version = excluded.version, host = excluded.host, address = excluded.address,
      instance_id = excluded.instance_id, ready = excluded.ready, sending = excluded.sending,
      agents = excluded.agents, clock_offset_ms = excluded.clock_offset_ms,
      earlier_starts = excluded.earlier_starts, watch = excluded.watch, schedule = excluded.schedule,
      trust = excluded.trust`.execute(trx);
}

/** A ledger only grows within its epoch; an older report that comes late takes nothing back. */
async function writeLedgers(
  trx: Kysely<unknown>,
  scope: CustomerScope,
  { product, heartbeat, signingKey }: HeartbeatToStore,
): Promise<void> {
  // One statement cannot write a row twice, should a product name a stream twice.
  const told = [...new Map(heartbeat.ledgers.map((one) => [`${one.stream} ${one.epoch}`, one])).values()];
  if (told.length === 0) return;
  await sql`insert into heartbeats_reports as r (customer, product, stream, epoch, sealed_to, head, spooled_bytes,
      oldest_at, signature, signing_key)
    select ${scope.customer}::uuid, ${product}::uuid, l.*, ${signingKey} from unnest(
      ${told.map((one) => one.stream)}::text[], ${told.map((one) => one.epoch)}::uuid[],
      ${told.map((one) => one.sealedTo)}::bigint[], ${told.map((one) => one.head)}::text[],
      ${told.map((one) => one.spooledBytes)}::bigint[], ${told.map((one) => one.oldestAt)}::timestamptz[],
      ${told.map((one) => one.signature)}::text[]) as l
    on conflict (customer, product, stream, epoch) do update set
      head = case when excluded.sealed_to >= r.sealed_to then excluded.head else r.head end,
      signature = case when excluded.sealed_to >= r.sealed_to then excluded.signature else r.signature end,
      signing_key = case when excluded.sealed_to >= r.sealed_to then excluded.signing_key else r.signing_key end,
      sealed_to = greatest(r.sealed_to, excluded.sealed_to),
      spooled_bytes = excluded.spooled_bytes, oldest_at = excluded.oldest_at, reported_at = now()`.execute(trx);
}

async function acknowledge(trx: Kysely<unknown>, scope: CustomerScope, arriving: HeartbeatToStore): Promise<void> {
  for (const outcome of arriving.heartbeat.outcomes) {
    await sql`update heartbeats_directives set acknowledged_at = now(), outcome = ${JSON.stringify(outcome)}::jsonb
      where customer = ${scope.customer} and product = ${arriving.product} and id = ${outcome.id}
        and acknowledged_at is null`.execute(trx);
  }
}

interface LedgerRow {
  stream: Stream;
  epoch: Epoch;
  sealed_to: string;
  head: Sha256 | null;
  spooled_bytes: string;
  oldest_at: Date | null;
  signature: string;
  signing_key: Buffer;
  announced_at: Date;
  reported_at: Date;
}

function ledgerOf(row: LedgerRow): KeptLedger {
  return {
    stream: row.stream,
    epoch: row.epoch,
    sealedTo: Number(row.sealed_to),
    head: row.head,
    spooledBytes: Number(row.spooled_bytes),
    oldestAt: row.oldest_at,
    signature: row.signature,
    signingKey: row.signing_key,
    announcedAt: row.announced_at,
    reportedAt: row.reported_at,
  };
}

const FACTS = sql`select p.product, p.version, p.host, p.address, p.ready, p.ready_since, p.sending, p.sending_since,
  p.agents, case when ${BEAT_IS_NEWER} then s.clock_offset_ms else p.clock_offset_ms end as clock_offset_ms, p.watch,
  p.schedule, s.at from heartbeats_products p
  left join heartbeats_last_seen s on s.customer = p.customer and s.product = p.product`;

interface FactsRow {
  product: ProductId;
  version: string;
  host: string;
  address: string;
  ready: Readiness;
  ready_since: Date;
  sending: "on" | "disabled";
  sending_since: Date;
  agents: number | null;
  clock_offset_ms: number | null;
  watch: StartWatch | null;
  schedule: KeptSchedule | null;
  at: Date | null;
}

function factsOf(row: FactsRow): HeartbeatFacts {
  return {
    product: row.product,
    version: row.version,
    host: row.host,
    address: row.address,
    ready: row.ready,
    readySince: row.ready_since,
    sending: row.sending,
    sendingSince: row.sending_since,
    agents: row.agents,
    clockOffsetMs: row.clock_offset_ms,
    lastSeenAt: row.at,
    schedule: row.schedule === null ? null : scheduleOf(row.schedule),
    watch: row.watch,
  };
}

/** JSON keeps instants as text. */
interface KeptSchedule {
  everyMinutes: number;
  nextAt: string | null;
  lastRun: { startedAt: string; endedAt: string | null; ok: boolean; code: string | null } | null;
}

function scheduleOf({ everyMinutes, nextAt, lastRun }: KeptSchedule): SendSchedule {
  const dateOf = (at: string | null) => (at === null ? null : new Date(at));
  const run = lastRun && { ...lastRun, startedAt: new Date(lastRun.startedAt), endedAt: dateOf(lastRun.endedAt) };
  return { everyMinutes, nextAt: dateOf(nextAt), lastRun: run };
}

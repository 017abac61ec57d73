import type { CustomerScope, ProductId, ProviderScope } from "@tms/records";
import { type Databases, inCustomer, inProvider } from "@tms/server-kit";
import { sql } from "kysely";
import type { SaidChange } from "./history.ts";
import type { Silence } from "./silence-parts.ts";

/** Facts of one product in one answer; a product that flaps for a month stays below. */
const MAX_ROWS = 50_000;
/** Kept this long: silences, changes and times of service; the spool's curve for 8 days. */
export const HISTORY_DAYS = 32;
export const SPOOL_DAYS = 8;

export interface SpoolPoint {
  at: Date;
  bytes: number;
}

export interface HistoryStore {
  changes(scope: CustomerScope, of: HistoryQuery): Promise<SaidChange[]>;
  silences(scope: CustomerScope, of: HistoryQuery): Promise<Silence[]>;
  spool(scope: CustomerScope, of: HistoryQuery): Promise<SpoolPoint[]>;
  /** Keeps the fullest that each spool was said to be in this quarter of an hour; in one statement for all. */
  sampleSpools(scope: ProviderScope): Promise<void>;
  /** Erases what is older than its retention; the last change before it stays, because it still holds. */
  forgetOld(scope: ProviderScope): Promise<void>;
}

export interface HistoryQuery {
  product: ProductId;
  from: Date;
  to: Date;
}

export function createHistoryStore(db: Databases): HistoryStore {
  return {
    changes: (scope, of) =>
      inCustomer(db.app, scope, async (trx) => {
        const { rows } = await sql<SaidChange>`select at, start, ready, sending, version, host, address
          from heartbeats_changes where customer = ${scope.customer} and product = ${of.product} and at <= ${of.to}
            and at >= coalesce((select max(at) from heartbeats_changes
              where customer = ${scope.customer} and product = ${of.product} and at <= ${of.from}), ${of.from})
          order by at desc limit ${MAX_ROWS}`.execute(trx);
        return rows.reverse();
      }),
    silences: (scope, of) =>
      inCustomer(db.app, scope, async (trx) => {
        const { rows } = await sql<Silence>`select since, until from heartbeats_silences
          where customer = ${scope.customer} and product = ${of.product} and until > ${of.from} and since < ${of.to}
          order by since desc limit ${MAX_ROWS}`.execute(trx);
        return rows.reverse();
      }),
    spool: (scope, of) =>
      inCustomer(db.app, scope, async (trx) => {
        const { rows } = await sql<{ at: Date; bytes: string }>`select at, bytes from heartbeats_spool
          where customer = ${scope.customer} and product = ${of.product} and at >= ${of.from} and at <= ${of.to}
          order by at limit ${MAX_ROWS}`.execute(trx);
        return rows.map((row) => ({ at: row.at, bytes: Number(row.bytes) }));
      }),
    sampleSpools: () =>
      inProvider(db.provider, async (trx) => {
        await sql`insert into heartbeats_spool as s (customer, product, at, bytes)
          select customer, product, date_bin('15 minutes', now(), timestamptz 'epoch'), sum(spooled_bytes)
          from heartbeats_reports where reported_at >= date_bin('15 minutes', now(), timestamptz 'epoch')
          group by customer, product order by product
          on conflict (customer, product, at) do update set bytes = excluded.bytes
            where s.bytes < excluded.bytes`.execute(trx);
      }),
    forgetOld: () =>
      inProvider(db.provider, async (trx) => {
        await sql`delete from heartbeats_silences where until < now() - ${HISTORY_DAYS} * interval '1 day'`.execute(
          trx,
        );
        await sql`delete from heartbeats_changes c where at < now() - ${HISTORY_DAYS} * interval '1 day'
          and exists (select from heartbeats_changes newer where newer.customer = c.customer
            and newer.product = c.product and newer.at > c.at
            and newer.at < now() - ${HISTORY_DAYS} * interval '1 day')`.execute(trx);
        await sql`delete from heartbeats_spool where at < now() - ${SPOOL_DAYS} * interval '1 day'`.execute(trx);
        await sql`delete from heartbeats_serving
          where until < now() - ${HISTORY_DAYS + 1} * interval '1 day'`.execute(trx);
      }),
  };
}

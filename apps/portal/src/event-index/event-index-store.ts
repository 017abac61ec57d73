import type { CustomerScope, ProductId, ProviderScope } from "@tms/records";
import { type Databases, inCustomer, inProvider } from "@tms/server-kit";
import { sql } from "kysely";
import type { StreamPlace } from "./batch-to-index.ts";
import type { IndexedBatch } from "./completeness.ts";
import type { IndexStreamDeps } from "./index-stream.ts";

export interface EventIndexStore {
  cursor: IndexStreamDeps["cursor"];
  /** Results by batch id. */
  results(scope: CustomerScope, place: StreamPlace): Promise<Map<string, IndexedBatch>>;
  /** Repeated and kept-aside records of all products. */
  besideByProduct(scope: ProviderScope): Promise<Map<ProductId, { repeated: number; keptAside: number }>>;
  /** The arrival up to which each stream is indexed. */
  indexedTo(scope: ProviderScope): Promise<(StreamPlace & { arrival: number })[]>;
}

export function createEventIndexStore(db: Databases): EventIndexStore {
  return {
    cursor: {
      locked: (scope, place, work) =>
        inCustomer(db.app, scope, async (trx) => {
          const key = sql`customer = ${scope.customer} and product = ${place.product} and stream = ${place.stream}`;
          await sql`insert into event_index_streams (customer, product, stream)
            values (${scope.customer}, ${place.product}, ${place.stream}) on conflict do nothing`.execute(trx);
          const { rows } = await sql<{
            arrival: string;
            handed_on: string;
          }>`select arrival, handed_on from event_index_streams
            where ${key} for update`.execute(trx);
          return work({
            indexedTo: Number(rows[0]?.arrival ?? 0),
            handedOnTo: Number(rows[0]?.handed_on ?? 0),
            async finish(batch, result, keptAside) {
              await sql`insert into event_index_batches (customer, batch, product, stream, new_ids, repeated, kept_aside)
                values (${scope.customer}, ${batch.id}, ${place.product}, ${place.stream}, ${result.newIds},
                  ${result.repeated}, ${result.keptAside})`.execute(trx);
              await sql`insert into event_index_kept_aside (customer, batch, number, reason)
                select ${scope.customer}::uuid, ${batch.id}::uuid, k.number, k.reason
                from unnest(${keptAside.map((one) => one.number)}::bigint[], ${keptAside.map((one) => one.reason)}::text[])
                  as k (number, reason)`.execute(trx);
              await sql`update event_index_streams set arrival = ${batch.arrival} where ${key}`.execute(trx);
            },
            async handedOn(arrival) {
              await sql`update event_index_streams set handed_on = ${arrival} where ${key}`.execute(trx);
            },
          });
        }),
      reserveShortNumbers: (scope, count) =>
        inCustomer(db.app, scope, async (trx) => {
          const { rows } = await sql<{ next: string }>`insert into event_index_short_ids as s (customer, next)
            values (${scope.customer}, ${1 + count}) on conflict (customer) do update set next = s.next + ${count}
            returning next`.execute(trx);
          return Number(rows[0]?.next ?? 1 + count) - count;
        }),
    },
    results: (scope, place) =>
      inCustomer(db.app, scope, async (trx) => {
        const { rows } = await sql<{ batch: string; new_ids: string; repeated: string; kept_aside: string }>`
          select batch, new_ids, repeated, kept_aside from event_index_batches
          where customer = ${scope.customer} and product = ${place.product} and stream = ${place.stream}`.execute(trx);
        return new Map(
          rows.map((row) => [
            row.batch,
            { newIds: Number(row.new_ids), repeated: Number(row.repeated), keptAside: Number(row.kept_aside) },
          ]),
        );
      }),
    besideByProduct: () =>
      inProvider(db.provider, async (trx) => {
        const { rows } = await sql<{ product: ProductId; repeated: string; kept_aside: string }>`select product,
            sum(repeated) as repeated, sum(kept_aside) as kept_aside from event_index_batches group by product`.execute(
          trx,
        );
        return new Map(
          rows.map((row) => [row.product, { repeated: Number(row.repeated), keptAside: Number(row.kept_aside) }]),
        );
      }),
    indexedTo: () =>
      inProvider(db.provider, async (trx) => {
        const { rows } = await sql<StreamPlace & { arrival: string }>`select product, stream, arrival
          from event_index_streams`.execute(trx);
        return rows.map(({ product, stream, arrival }) => ({ product, stream, arrival: Number(arrival) }));
      }),
  };
}

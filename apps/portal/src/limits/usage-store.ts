import type { CustomerScope, ProductId } from "@tms/records";
import { type Databases, inCustomer } from "@tms/server-kit";
import { type Kysely, sql } from "kysely";
import type { UsageOfToday } from "./limits.ts";

export interface UsageStore {
  /** Inside the transaction that takes the bytes, so that both are or neither is. */
  add(trx: Kysely<unknown>, scope: CustomerScope, of: { product: ProductId; bytes: number }): Promise<void>;
  /** The same in a transaction of its own. */
  addApart(scope: CustomerScope, of: { product: ProductId; bytes: number }): Promise<void>;
  ofToday(scope: CustomerScope): Promise<UsageOfToday>;
}

const TODAY = sql`(now() at time zone 'utc')::date`;

export function createUsageStore(db: Databases): UsageStore {
  const add: UsageStore["add"] = async (trx, scope, { product, bytes }) => {
    await sql`insert into limits_usage as u (customer, product, day, bytes)
      values (${scope.customer}, ${product}, ${TODAY}, ${bytes})
      on conflict (customer, day, product) do update set bytes = u.bytes + excluded.bytes`.execute(trx);
  };
  return {
    add,
    addApart: (scope, of) => inCustomer(db.app, scope, (trx) => add(trx, scope, of)),
    ofToday: (scope) =>
      inCustomer(db.app, scope, async (trx) => {
        const { rows } = await sql<{ product: ProductId | null; bytes: string | null; seconds_left: number }>`
          select u.product, u.bytes,
            extract(epoch from (${TODAY} + 1)::timestamp - now() at time zone 'utc')::float8 as seconds_left
          from (select 1) as one
          left join limits_usage u on u.customer = ${scope.customer} and u.day = ${TODAY}`.execute(trx);
        const byProduct = new Map<string, number>();
        for (const { product, bytes } of rows) if (product !== null) byProduct.set(product, Number(bytes));
        return { byProduct, secondsLeft: Math.ceil(rows[0]?.seconds_left ?? 0) };
      }),
  };
}

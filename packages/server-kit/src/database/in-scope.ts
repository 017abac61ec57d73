import { AppError, type CustomerScope, isUuid } from "@tms/records";
import { type Kysely, sql, type Transaction } from "kysely";

/**
 * Runs one transaction as one customer: row-level security shows and takes only its rows.
 *
 * A table is guarded by `alter table t enable row level security, force row level security` and the policy
 * `customer = nullif(current_setting('tms.customer', true), '')::uuid`; after a transaction the setting is `''`, not
 * NULL, hence `nullif`.
 */
export function inCustomer<Schema, Result>(
  db: Kysely<Schema>,
  scope: CustomerScope,
  work: (trx: Transaction<Schema>) => Promise<Result>,
): Promise<Result> {
  // The scope comes from authentication; a malformed one is a bug that must not reach SQL.
  if (!isUuid(scope.customer)) throw new AppError("server.internal", { scope: "malformed customer" });
  return db.transaction().execute(async (trx) => {
    await sql`select set_config('tms.customer', ${scope.customer}, true)`.execute(trx);
    return work(trx);
  });
}

/** Runs one transaction as the provider's role; its policies list what it may touch across customers. */
export function inProvider<Schema, Result>(
  provider: Kysely<Schema>,
  work: (trx: Transaction<Schema>) => Promise<Result>,
): Promise<Result> {
  return provider.transaction().execute(work);
}

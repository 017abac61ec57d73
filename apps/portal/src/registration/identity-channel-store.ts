import type { ProductId } from "@tms/records";
import { type Kysely, sql } from "kysely";

/** Payload of the NOTIFY on this channel: the product whose identity changed. */
export const IDENTITY_CHANNEL = "tms_identity";

/** Tells all nodes, once the transaction is committed, to forget what they know of the product's identity. */
export async function tellIdentityChanged(trx: Kysely<unknown>, product: ProductId): Promise<void> {
  await sql`select pg_notify(${IDENTITY_CHANNEL}, ${product})`.execute(trx);
}

import type { CustomerScope } from "@tms/records";
import { type Kysely, sql } from "kysely";
import type { HeartbeatToStore } from "./record-heartbeat.ts";

/** Bounds what a product that changes with every heartbeat can make the portal write: its last word of a minute stays. */
const MERGED_MS = 60_000;

/** Keeps what a product says from now on; only called when it says something else than before. */
export async function writeChange(
  trx: Kysely<unknown>,
  scope: CustomerScope,
  { product, heartbeat, address }: HeartbeatToStore,
): Promise<void> {
  const { start, sending, version, host } = heartbeat;
  const ready = JSON.stringify(heartbeat.ready);
  await sql`with merged as (
      update heartbeats_changes c set start = ${start}, ready = ${ready}::jsonb, sending = ${sending},
        version = ${version}, host = ${host}, address = ${address}
      where c.customer = ${scope.customer} and c.product = ${product}
        and c.at = (select max(at) from heartbeats_changes where customer = ${scope.customer} and product = ${product})
        and c.at > now() - ${MERGED_MS} * interval '1 millisecond' returning 1)
    insert into heartbeats_changes (customer, product, start, ready, sending, version, host, address)
    select ${scope.customer}::uuid, ${product}::uuid, ${start}, ${ready}::jsonb, ${sending}, ${version}, ${host},
      ${address} where not exists (select from merged)`.execute(trx);
}

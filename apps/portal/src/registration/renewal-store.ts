import type { CustomerId, CustomerScope, ProductId, ProviderScope, Sha256 } from "@tms/records";
import { type Databases, inCustomer, inProvider } from "@tms/server-kit";
import { sql } from "kysely";
import { tellIdentityChanged } from "./identity-channel-store.ts";
import { refuseTakenKey } from "./registration-store.ts";
import type { RenewProductStore } from "./renew-product.ts";

export interface RenewalStore extends Pick<RenewProductStore, "keepRenewal"> {
  /**
   * Somebody speaks with this key, which no product has in force: if it waits as a renewal, it is in force from now on
   * and the old one is nobody's.
   *
   * @returns whether there was one; the table answers for the key then.
   */
  takeOver(scope: ProviderScope, spki: Sha256): Promise<boolean>;
}

export function createRenewalStore(db: Databases): RenewalStore {
  return {
    keepRenewal: (scope, product, keys) =>
      inCustomer(db.app, scope, async (trx) => {
        await sql`insert into registration_renewals (customer, product, spki, ssh_key, ssh_fingerprint,
            certificate_serial, certificate_not_after)
          values (${scope.customer}, ${product}, ${keys.spki}, ${keys.sshKey}, ${keys.sshFingerprint},
            ${keys.certificateSerial}, ${keys.certificateNotAfter})
          on conflict (customer, product) do update set spki = excluded.spki, ssh_key = excluded.ssh_key,
            ssh_fingerprint = excluded.ssh_fingerprint, certificate_serial = excluded.certificate_serial,
            certificate_not_after = excluded.certificate_not_after, asked_at = now()`
          .execute(trx)
          .catch(refuseTakenKey);
      }),
    takeOver: async (_, spki) => {
      const waiting = await inProvider(db.provider, async (trx) => {
        const { rows } = await sql<{ customer: CustomerId; product: ProductId }>`
          select customer, product from registration_renewals where spki = ${spki}`.execute(trx);
        return rows[0] ?? null;
      });
      return waiting === null ? false : putInForce(db, { customer: waiting.customer }, { ...waiting, spki });
    },
  };
}

/** Two first requests at once: the second waits for the first and finds nothing left to do. */
function putInForce(
  db: Databases,
  scope: CustomerScope,
  waiting: { product: ProductId; spki: Sha256 },
): Promise<boolean> {
  return inCustomer(db.app, scope, async (trx) => {
    const { rows } = await sql`with renewed as (
        delete from registration_renewals
        where customer = ${scope.customer} and product = ${waiting.product} and spki = ${waiting.spki} returning *)
      update registration_products p set spki = r.spki, ssh_key = r.ssh_key, ssh_fingerprint = r.ssh_fingerprint,
        certificate_serial = r.certificate_serial, certificate_not_after = r.certificate_not_after,
        renewed_times = p.renewed_times + 1,
        registration = case when p.registration = 'may-only-renew' then 'registered' else p.registration end
      from renewed r where p.customer = r.customer and p.id = r.product returning p.id`.execute(trx);
    if (rows.length > 0) await tellIdentityChanged(trx, waiting.product);
    return true;
  });
}

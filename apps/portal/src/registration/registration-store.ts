import {
  AppError,
  type CustomerId,
  type CustomerScope,
  type ProductId,
  type ProviderScope,
  type Registration,
  type Sha256,
} from "@tms/records";
import { type Databases, inCustomer, inProvider } from "@tms/server-kit";
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { EndRegistrationStore } from "./end-registration.ts";
import { tellIdentityChanged } from "./identity-channel-store.ts";
import type { NewProduct, RegisterProductStore } from "./register-product.ts";
import type { ProductKind, RegisteredProduct } from "./registered-product.ts";

export interface RegistrationStore extends RegisterProductStore, EndRegistrationStore {
  /** Who has this key, whatever the customer: asked before anybody is known. */
  bySpki(scope: ProviderScope, spki: Sha256): Promise<RegisteredProduct | null>;
  bySshKey(scope: ProviderScope, product: string, publicKeyBlob: Buffer): Promise<RegisteredProduct | null>;
  /** Nobody with this identity is served until it is registered anew. @returns false if that was so already. */
  markCloned(scope: CustomerScope, product: ProductId): Promise<boolean>;
  list(scope: ProviderScope): Promise<RegisteredProduct[]>;
  findAnywhere(scope: ProviderScope, product: ProductId): Promise<RegisteredProduct | null>;
}

const COLUMNS = sql`customer, id, kind, name, host, version, address, email, instance_id, registration, spki,
  ssh_fingerprint, signing_key, certificate_serial, certificate_not_after, registered_at, ended_at, ended_by, cloned_at,
  renewed_times`;

export function createRegistrationStore(db: Pick<Databases, "app" | "provider">): RegistrationStore {
  const anywhere = (condition: RawBuilder<unknown>) =>
    inProvider(db.provider, async (trx) => {
      const { rows } = await sql<Row>`select ${COLUMNS} from registration_products where ${condition}`.execute(trx);
      return rows[0] === undefined ? null : productOf(rows[0]);
    });
  return {
    lockedForInstance: (scope, instanceId, work) =>
      inCustomer(db.app, scope, async (trx) => {
        const lock = `registration ${scope.customer} ${instanceId}`;
        await sql`select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`.execute(trx);
        const { rows } = await sql<{ id: ProductId; spki: Sha256; is_cloned: boolean }>`
          select id, spki, cloned_at is not null as is_cloned from registration_products
          where customer = ${scope.customer} and instance_id = ${instanceId}
          order by registered_at desc limit 1`.execute(trx);
        const row = rows[0];
        return work({
          existing: row === undefined ? null : { id: row.id, spki: row.spki, isCloned: row.is_cloned },
          save: (product, sshKey) => writeProduct(trx, scope, { product, sshKey }),
        });
      }),
    find: (scope, product) =>
      inCustomer(db.app, scope, async (trx) => {
        const { rows } = await sql<Row>`select ${COLUMNS} from registration_products
          where customer = ${scope.customer} and id = ${product}`.execute(trx);
        return rows[0] === undefined ? null : productOf(rows[0]);
      }),
    end: (scope, product, how) =>
      inCustomer(db.app, scope, async (trx) => {
        await sql`update registration_products set registration = ${how.registration}, ended_at = now(),
          ended_by = ${how.by} where customer = ${scope.customer} and id = ${product}`.execute(trx);
        await forgetRenewal(trx, scope, product);
        await tellIdentityChanged(trx, product);
      }),
    markCloned: (scope, product) =>
      inCustomer(db.app, scope, async (trx) => {
        const { rows } = await sql`update registration_products set cloned_at = now()
          where customer = ${scope.customer} and id = ${product} and cloned_at is null returning id`.execute(trx);
        if (rows.length > 0) await tellIdentityChanged(trx, product);
        return rows.length > 0;
      }),
    bySpki: (_, spki) => anywhere(sql`spki = ${spki}`),
    // An SSH key proves nothing before its signature, so it puts no renewal in force: both keys count until then.
    bySshKey: (_, product, publicKeyBlob) =>
      anywhere(sql`id::text = ${product} and (ssh_key = ${publicKeyBlob} or exists (
        select from registration_renewals r where r.customer = registration_products.customer
          and r.product = registration_products.id and r.ssh_key = ${publicKeyBlob}))`),
    findAnywhere: (_, product) => anywhere(sql`id = ${product}`),
    list: () =>
      inProvider(db.provider, async (trx) => {
        const { rows } = await sql<Row>`select ${COLUMNS} from registration_products order by name, id`.execute(trx);
        return rows.map(productOf);
      }),
  };
}

async function writeProduct(
  trx: Kysely<unknown>,
  scope: CustomerScope,
  { product, sshKey }: { product: NewProduct; sshKey: Buffer },
): Promise<void> {
  await sql`insert into registration_products (customer, id, kind, name, host, version, address, email,
      instance_id, registration, spki, ssh_key, ssh_fingerprint, signing_key, certificate_serial,
      certificate_not_after)
    values (${scope.customer}, ${product.id}, ${product.kind}, ${product.name}, ${product.host},
      ${product.version}, ${product.address}, ${product.email}, ${product.instanceId}, ${product.registration},
      ${product.spki}, ${sshKey}, ${product.sshFingerprint}, ${product.signingKeySpki},
      ${product.certificateSerial}, ${product.certificateNotAfter})
    on conflict (customer, id) do update set kind = excluded.kind, name = excluded.name, host = excluded.host,
      version = excluded.version, address = excluded.address, email = excluded.email,
      registration = excluded.registration, spki = excluded.spki, ssh_key = excluded.ssh_key,
      ssh_fingerprint = excluded.ssh_fingerprint, signing_key = excluded.signing_key,
      certificate_serial = excluded.certificate_serial, certificate_not_after = excluded.certificate_not_after,
      registered_at = now(), ended_at = null, ended_by = null, cloned_at = null, renewed_times = 0`
    .execute(trx)
    .catch(refuseTakenKey);
  await forgetRenewal(trx, scope, product.id);
  await tellIdentityChanged(trx, product.id);
}

/** Keys that were renewed before are worth nothing after a new registration or its end. */
async function forgetRenewal(trx: Kysely<unknown>, scope: CustomerScope, product: ProductId): Promise<void> {
  await sql`delete from registration_renewals
    where customer = ${scope.customer} and product = ${product}`.execute(trx);
}

/** One key is one product: a key that another one has, of whatever customer, is told like any other unusable key. */
export function refuseTakenKey(error: unknown): never {
  const isTaken = error instanceof Error && "code" in error && error.code === "23505";
  throw isTaken
    ? new AppError("link.csr_invalid", { reason: "another product has this key" }, { cause: error })
    : error;
}

interface Row {
  customer: CustomerId;
  id: ProductId;
  kind: ProductKind;
  name: string;
  host: string;
  version: string;
  address: string;
  email: string | null;
  instance_id: string;
  registration: Registration;
  spki: Sha256;
  ssh_fingerprint: string;
  signing_key: Buffer;
  certificate_serial: string;
  certificate_not_after: Date;
  registered_at: Date;
  ended_at: Date | null;
  ended_by: string | null;
  cloned_at: Date | null;
  renewed_times: number;
}

function productOf(row: Row): RegisteredProduct {
  return {
    customer: row.customer,
    id: row.id,
    kind: row.kind,
    name: row.name,
    host: row.host,
    version: row.version,
    address: row.address,
    email: row.email,
    instanceId: row.instance_id,
    registration: row.registration,
    spki: row.spki,
    sshFingerprint: row.ssh_fingerprint,
    signingKeySpki: row.signing_key,
    certificateSerial: row.certificate_serial,
    certificateNotAfter: row.certificate_not_after,
    registeredAt: row.registered_at,
    endedAt: row.ended_at,
    endedBy: row.ended_by,
    clonedAt: row.cloned_at,
    renewedTimes: row.renewed_times,
  };
}

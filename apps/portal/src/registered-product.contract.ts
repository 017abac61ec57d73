import { createHash, randomBytes } from "node:crypto";
import { type CustomerId, type CustomerScope, newId, type ProductId, type Sha256 } from "@tms/records";
import type { TestDatabase } from "@tms/testkit";
import { createCustomerStore } from "#app/customers/index.ts";
import { createRegistrationStore, type RegisteredProduct } from "#app/registration/index.ts";

/** A customer of a test's own. */
export async function someCustomer({ databases }: TestDatabase): Promise<CustomerScope> {
  const customer = newId<CustomerId>();
  await createCustomerStore(databases).insert(
    { provider: true },
    {
      id: customer,
      name: "Customer of a test",
      validUntil: new Date("2030-01-01T00:00:00Z"),
      contactEmail: null,
      userName: `user-${customer}`,
      patternRoot: randomDigest(),
      demoKeys: false,
    },
    "no hash",
  );
  return { customer };
}

/** A registered mitigator of a customer of its own. */
export async function registeredProduct(
  database: TestDatabase,
): Promise<{ scope: CustomerScope; product: ProductId; saved: Pick<RegisteredProduct, "spki"> & { sshKey: Buffer } }> {
  const scope = await someCustomer(database);
  const product = newId<ProductId>();
  const saved = { spki: randomDigest(), sshKey: randomBytes(51) };
  const record = {
    customer: scope.customer,
    id: product,
    kind: "mitigator",
    name: "mitigator",
    host: "host-1",
    version: "1.0.0",
    address: "127.0.0.1",
    email: null,
    instanceId: product,
    registration: "registered",
    spki: saved.spki,
    sshFingerprint: "SHA256:none",
    signingKeySpki: randomBytes(44),
    certificateSerial: "01",
    certificateNotAfter: new Date("2030-01-01T00:00:00Z"),
  } as const;
  await createRegistrationStore(database.databases).lockedForInstance(scope, product, (tx) =>
    tx.save(record, saved.sshKey),
  );
  return { scope, product, saved };
}

function randomDigest(): Sha256 {
  return createHash("sha256").update(randomBytes(16)).digest("hex") as Sha256;
}

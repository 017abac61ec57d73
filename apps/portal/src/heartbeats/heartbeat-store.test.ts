import { createHash, randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { type CustomerId, type CustomerScope, newId, type ProductId, type Sha256 } from "@tms/records";
import { createTestDatabase, type TestDatabase } from "@tms/testkit";
import { afterAll, beforeAll } from "vitest";
import { createCustomerStore } from "#app/customers/index.ts";
import { createRegistrationStore } from "#app/registration/index.ts";
import { heartbeatStoreContract } from "./heartbeat-store.contract.ts";
import { createHeartbeatStore } from "./heartbeat-store.ts";

const MIGRATIONS = [fileURLToPath(new URL("../../migrations", import.meta.url))];
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase({ migrations: MIGRATIONS });
});
afterAll(() => database.drop());

heartbeatStoreContract(async () => ({
  store: createHeartbeatStore(database.databases),
  newProduct: () => registeredProduct(database),
}));

async function registeredProduct({ databases }: TestDatabase): Promise<{ scope: CustomerScope; product: ProductId }> {
  const scope: CustomerScope = { customer: newId<CustomerId>() };
  const product = newId<ProductId>();
  const digest = createHash("sha256").update(randomBytes(16)).digest("hex") as Sha256;
  await createCustomerStore(databases).insert(
    { provider: true },
    {
      id: scope.customer,
      name: "Customer of a test",
      validUntil: new Date("2030-01-01T00:00:00Z"),
      contactEmail: null,
      userName: `user-${scope.customer}`,
      patternRoot: digest,
      demoKeys: false,
    },
    "no hash",
  );
  await createRegistrationStore(databases).save(
    scope,
    {
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
      spki: digest,
      sshFingerprint: "SHA256:none",
      signingKeySpki: randomBytes(44),
      certificateSerial: "01",
      certificateNotAfter: new Date("2030-01-01T00:00:00Z"),
    },
    randomBytes(51),
  );
  return { scope, product };
}

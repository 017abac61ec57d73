import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { AppError, type CustomerScope, newId, type ProductId } from "@tms/records";
import { sha256Of } from "@tms/signing";
import { createTestDatabase, TestClock, type TestDatabase } from "@tms/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { untilSomebodyWaits } from "../lock-wait.contract.ts";
import { someCustomer } from "../registered-product.contract.ts";
import { createRemoveProduct, createUnregister } from "./end-registration.ts";
import { createRegisterProduct } from "./register-product.ts";
import type { RegistrationRequest } from "./registered-product.ts";
import { createRegistrationStore } from "./registration-store.ts";

// Who registers again, at once, with another's key, or after somebody removed it; the certificate is @tms/link's matter.

const MIGRATIONS = [fileURLToPath(new URL("../../migrations", import.meta.url))];
const PROVIDER = { provider: true } as const;
const PASSWORD = "right";

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase({ migrations: MIGRATIONS });
});
afterAll(() => database.drop());

async function world() {
  const scope = await someCustomer(database);
  const store = createRegistrationStore(database.databases);
  const issued: string[] = [];
  const hook = { beforeIssue: async (): Promise<void> => undefined };
  const registerProduct = createRegisterProduct({
    store,
    checkCredentials: async (_userName, password) => {
      if (password !== PASSWORD) throw new AppError("link.credentials_wrong", {});
      return scope;
    },
    async issueClient({ csrPem }) {
      issued.push(csrPem);
      await hook.beforeIssue();
      const notAfter = new Date("2027-02-01T00:00:00Z");
      return { certPem: `certificate of ${csrPem}`, spki: sha256Of(Buffer.from(csrPem)), serial: "01", notAfter };
    },
    sshFingerprintOf: (blob) => `SHA256:${sha256Of(blob)}`,
    newId: () => newId<ProductId>(),
    clock: new TestClock(),
  });
  const register = (request: RegistrationRequest, password = PASSWORD) =>
    registerProduct(request, { userName: "clinic", password }, "10.0.0.1");
  return { scope, store, issued, hook, register };
}

/** An installation with keys of its own; `csrPem` stands for the TLS key. */
function requestOf(change: Partial<RegistrationRequest> = {}): RegistrationRequest {
  return {
    kind: "mitigator",
    version: "1.0.0",
    host: "host-1",
    name: "mitigator",
    instanceId: newId<string>(),
    email: null,
    pinned: true,
    csrPem: `request ${newId<string>()}`,
    sshPublicKey: `ssh-ed25519 ${randomBytes(51).toString("base64")}`,
    signingKeySpki: randomBytes(44),
    ...change,
  };
}

const spkiOf = (request: RegistrationRequest) => sha256Of(Buffer.from(request.csrPem));

async function productsOf(store: ReturnType<typeof createRegistrationStore>, { customer }: CustomerScope) {
  return (await store.list(PROVIDER)).filter((one) => one.customer === customer);
}

test("an installation that registers again stays the same product, and its old keys are nobody's", async () => {
  const { scope, store, register } = await world();
  const before = requestOf();
  const after = requestOf({ instanceId: before.instanceId });
  const sshBlob = (request: RegistrationRequest) => Buffer.from(request.sshPublicKey.split(" ")[1] ?? "", "base64");

  const first = await register(before);
  const second = await register(after);

  expect(second.product).toBe(first.product);
  expect(await productsOf(store, scope)).toHaveLength(1);
  expect(await store.bySpki(PROVIDER, spkiOf(before))).toBeNull();
  expect(await store.bySshKey(PROVIDER, first.product, sshBlob(before))).toBeNull();
  expect(await store.bySpki(PROVIDER, spkiOf(after))).toMatchObject({ id: first.product });
  expect(await store.bySshKey(PROVIDER, first.product, sshBlob(after))).toMatchObject({ id: first.product });
});

test("a registration that is sent again while the first still runs is the same product too", async () => {
  const { scope, store, hook, register } = await world();
  const request = requestOf();
  const [entered, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  onTestFinished(() => release.resolve());
  hook.beforeIssue = () => {
    hook.beforeIssue = async () => undefined;
    entered.resolve();
    return release.promise;
  };

  const first = register(request);
  await entered.promise;
  const second = register(request);
  await untilSomebodyWaits(database.url);
  release.resolve();

  expect((await second).product).toBe((await first).product);
  expect(await productsOf(store, scope)).toHaveLength(1);
});

test("another customer's installation with the same instance id is another product and takes nothing over", async () => {
  const [one, other] = [await world(), await world()];
  const request = requestOf();
  const mine = await one.register(request);

  const theirs = await other.register(requestOf({ instanceId: request.instanceId }));

  expect(theirs.product).not.toBe(mine.product);
  expect(await one.store.bySpki(PROVIDER, spkiOf(request))).toMatchObject({
    id: mine.product,
    customer: one.scope.customer,
  });
});

test("a key that two machines hold buys nothing; with keys and an instance of its own each becomes another product", async () => {
  const { scope, store, register } = await world();
  const request = requestOf();
  const { product } = await register(request);
  await store.markCloned(scope, product);

  const sameKeys = register(request);
  await expect(sameKeys).rejects.toMatchObject({ code: "link.identity_clone" });
  const [one, other] = [await register(requestOf()), await register(requestOf())];

  expect(new Set([product, one.product, other.product]).size).toBe(3);
  expect((await store.find(scope, product))?.clonedAt).toBeInstanceOf(Date);
});

test("a product that was cloned and comes back with a new key is served, and the old key is nobody's", async () => {
  const { scope, store, register } = await world();
  const before = requestOf();
  const { product } = await register(before);
  await store.markCloned(scope, product);

  const again = await register(requestOf({ instanceId: before.instanceId }));

  expect(again.product).toBe(product);
  expect((await store.find(scope, product))?.clonedAt).toBeNull();
  expect(await store.bySpki(PROVIDER, spkiOf(before))).toBeNull();
});

test("a key that another product has is refused, and stays the other's", async () => {
  const [one, other] = [await world(), await world()];
  const request = requestOf();
  const { product } = await one.register(request);

  const sameCustomer = one.register(requestOf({ csrPem: request.csrPem }));
  await expect(sameCustomer).rejects.toMatchObject({ code: "link.csr_invalid" });
  const otherCustomer = other.register(requestOf({ csrPem: request.csrPem }));
  await expect(otherCustomer).rejects.toMatchObject({ code: "link.csr_invalid" });

  expect(await one.store.bySpki(PROVIDER, spkiOf(request))).toMatchObject({ id: product });
  expect(await productsOf(other.store, other.scope)).toEqual([]);
});

test("a wrong password and an agent buy no certificate and leave no product", async () => {
  const { scope, store, issued, register } = await world();

  await expect(register(requestOf(), "wrong")).rejects.toMatchObject({ code: "link.credentials_wrong" });
  await expect(register(requestOf({ kind: "agent" }))).rejects.toMatchObject({ code: "request.malformed" });

  expect(issued).toEqual([]);
  expect(await productsOf(store, scope)).toEqual([]);
});

test("whoever did not know the authority's pin stands as unconfirmed", async () => {
  const { store, register } = await world();
  const request = requestOf({ pinned: false });

  await register(request);

  expect(await store.bySpki(PROVIDER, spkiOf(request))).toMatchObject({ registration: "unconfirmed" });
});

test("a product that ended its registration or was removed comes back by password alone, as itself", async () => {
  const { scope, store, register } = await world();
  const request = requestOf();
  const { product } = await register(request);
  const ends = {
    unregistered: () => createUnregister({ store, forget: () => undefined })(scope, product),
    revoked: () =>
      createRemoveProduct({ store, forget: () => undefined })(scope, product, { typedName: request.name, by: "anna" }),
  };

  for (const [registration, end] of Object.entries(ends)) {
    await end();
    expect(await store.find(scope, product)).toMatchObject({ registration });
    await expect(register(request, "wrong")).rejects.toMatchObject({ code: "link.credentials_wrong" });
    expect(await store.find(scope, product)).toMatchObject({ registration });
    expect((await register(request)).product).toBe(product);
    expect(await store.find(scope, product)).toMatchObject({
      registration: "registered",
      endedAt: null,
      endedBy: null,
    });
  }
});

test("a name typed wrong removes nothing, nor does the right one of another customer's product", async () => {
  const [one, other] = [await world(), await world()];
  const request = requestOf();
  const { product } = await one.register(request);
  const remove = createRemoveProduct({ store: one.store, forget: () => undefined });

  const mistyped = remove(one.scope, product, { typedName: `${request.name} `, by: "anna" });
  await expect(mistyped).rejects.toMatchObject({ code: "confirmation.name_differs" });
  const foreign = remove(other.scope, product, { typedName: request.name, by: "anna" });
  await expect(foreign).rejects.toMatchObject({ code: "product.unknown" });
  await createUnregister({ store: one.store, forget: () => undefined })(other.scope, product);

  expect(await one.store.find(one.scope, product)).toMatchObject({ registration: "registered" });
});

import { type CustomerId, newId, type ProductId, type Sha256 } from "@tms/records";
import { TestClock } from "@tms/testkit";
import { expect, test } from "vitest";
import { createIdentityCache } from "./identity-cache.ts";
import type { RegisteredProduct } from "./registered-product.ts";

const SPKI = "a".repeat(64) as Sha256;

function productWith(change: Partial<RegisteredProduct> = {}): RegisteredProduct {
  return {
    customer: newId<CustomerId>(),
    id: newId<ProductId>(),
    kind: "mitigator",
    name: "mitigator",
    host: "host-1",
    version: "1.0.0",
    address: "10.0.0.1",
    email: null,
    instanceId: newId<string>(),
    registration: "registered",
    spki: SPKI,
    sshFingerprint: "SHA256:none",
    signingKeySpki: Buffer.alloc(44),
    certificateSerial: "01",
    certificateNotAfter: new Date("2027-01-01T00:00:00Z"),
    registeredAt: new Date(0),
    endedAt: null,
    endedBy: null,
    clonedAt: null,
    renewedTimes: 0,
    ...change,
  };
}

/** A cache over a table of one row; `row` is what stands there now. */
function cacheOver(row: RegisteredProduct | null) {
  const table = { row, asked: 0, isExpired: false, answer: async (): Promise<void> => undefined };
  const clock = new TestClock();
  const read = async () => {
    table.asked += 1;
    const found = table.row;
    await table.answer();
    return found;
  };
  const cache = createIdentityCache({
    store: { bySpki: read, bySshKey: read },
    takeOver: async () => false,
    isExpired: async () => table.isExpired,
    scope: { provider: true },
    clock,
  });
  return { cache, table, clock };
}

test("a removed product is known for ten seconds at most, even if nobody was told", async () => {
  const product = productWith();
  const { cache, table, clock } = cacheOver(product);
  await cache.bySpki(SPKI);
  table.row = { ...product, registration: "revoked" };
  clock.advance(9_999);
  const meanwhile = await cache.bySpki(SPKI);
  clock.advance(1);

  const then = await cache.bySpki(SPKI);

  expect([meanwhile, then]).toMatchObject([{ registration: "registered" }, { registration: "revoked" }]);
});

test.each(["bySpki", "bySshKey"] as const)("a product that was told of is asked for anew, by %s", async (by) => {
  const product = productWith();
  const { cache, table } = cacheOver(product);
  const ask = () => (by === "bySpki" ? cache.bySpki(SPKI) : cache.bySshKey(product.id, Buffer.from("key")));
  await ask();
  table.row = { ...product, registration: "revoked" };

  cache.forget(newId<ProductId>());
  const untold = await ask();
  cache.forget(product.id);
  const told = await ask();

  expect([untold, told]).toMatchObject([{ registration: "registered" }, { registration: "revoked" }]);
});

test.each(["forget", "forgetAll"] as const)(
  "what was read before the news and answered after it is not kept: %s",
  async (how) => {
    const product = productWith();
    const { cache, table } = cacheOver(product);
    const held = Promise.withResolvers<void>();
    table.answer = () => held.promise;
    const early = cache.bySpki(SPKI);
    table.row = { ...product, registration: "revoked" };
    if (how === "forget") cache.forget(product.id);
    else cache.forgetAll();
    held.resolve();
    await early;

    const next = await cache.bySpki(SPKI);

    expect(next).toMatchObject({ registration: "revoked" });
  },
);

test("a stranger who registers is known at once, and a key is one product's by that way alone", async () => {
  const { cache, table } = cacheOver(null);
  const before = await cache.bySpki(SPKI);
  table.row = productWith();
  const after = await cache.bySpki(SPKI);
  table.row = null;

  const bySsh = await cache.bySshKey(SPKI, Buffer.alloc(0));

  expect([before.kind, after.kind, bySsh.kind]).toEqual(["unknown", "known", "unknown"]);
});

test("that a customer expired shows at the next request of a product that is remembered", async () => {
  const { cache, table } = cacheOver(productWith());
  const before = await cache.bySpki(SPKI);
  table.isExpired = true;

  const after = await cache.bySpki(SPKI);

  expect([before, after]).toMatchObject([{ peer: { customerExpired: false } }, { peer: { customerExpired: true } }]);
  expect(table.asked).toBe(1);
});

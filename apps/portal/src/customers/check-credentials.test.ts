import { AppError, type CustomerId, newId, type Sha256 } from "@tms/records";
import { TestClock } from "@tms/testkit";
import { expect, test } from "vitest";
import { createCheckCredentials } from "./check-credentials.ts";
import { type Customer, hasExpired, userNameOf } from "./customer.ts";

const CUSTOMER: Customer = {
  id: newId<CustomerId>(),
  name: "Clinic",
  validUntil: new Date("2027-01-01T00:00:00Z"),
  contactEmail: null,
  userName: "clinic-1",
  patternRoot: "0".repeat(64) as Sha256,
  demoKeys: false,
  limits: {},
  heartbeat: {},
  createdAt: new Date(0),
};

function credentials() {
  const verified: string[] = [];
  const clock = new TestClock(new Date("2026-11-24T09:00:00Z"));
  const check = createCheckCredentials({
    findByUserName: async (_, userName) =>
      userName === CUSTOMER.userName ? { customer: CUSTOMER, passwordHash: "hash of right" } : null,
    verifyPassword: async (hash, password) => {
      verified.push(hash);
      return hash === `hash of ${password}`;
    },
    decoyHash: "decoy",
    scope: { provider: true },
    clock,
  });
  return { check, verified, clock };
}

test("the right password gives the customer's scope", async () => {
  const { check } = credentials();

  await expect(check("clinic-1", "right", "10.0.0.1")).resolves.toEqual({ customer: CUSTOMER.id });
});

test("an unknown user name costs a hash too and gets the same code", async () => {
  const { check, verified } = credentials();

  await expect(check("nobody", "right", "10.0.0.1")).rejects.toMatchObject({ code: "link.credentials_wrong" });
  await expect(check("clinic-1", "wrong", "10.0.0.1")).rejects.toMatchObject({ code: "link.credentials_wrong" });

  expect(verified).toEqual(["decoy", "hash of right"]);
});

test("after ten wrong tries nothing is verified until a minute has passed", async () => {
  const { check, verified, clock } = credentials();
  for (let tries = 0; tries < 10; tries += 1) await check("clinic-1", "wrong", "10.0.0.1").catch(() => undefined);

  clock.advance(20_000);
  await expect(check("clinic-1", "right", "10.0.0.1")).rejects.toMatchObject({
    code: "link.credentials_throttled",
    details: { retryAfterSeconds: 40 },
  });
  const verifiedWhileThrottled = verified.length;
  clock.advance(41_000);

  expect(verifiedWhileThrottled).toBe(10);
  await expect(check("clinic-1", "right", "10.0.0.1")).resolves.toEqual({ customer: CUSTOMER.id });
});

test("of many wrong tries at once only ten are verified, whether by one address or for one name", async () => {
  const byAddress = credentials();
  const forName = credentials();
  const many = Array.from({ length: 40 }, (_, index) => index);

  await Promise.allSettled(many.map((index) => byAddress.check(`name-${index}`, "wrong", "10.0.0.1")));
  await Promise.allSettled(many.map((index) => forName.check("clinic-1", "wrong", `10.0.0.${index}`)));

  expect([byAddress.verified.length, forName.verified.length]).toEqual([10, 10]);
});

test("who is turned away because too many wait for their hash has used no try up", async () => {
  const clock = new TestClock(new Date("2026-11-24T09:00:00Z"));
  let isFull = true;
  const check = createCheckCredentials({
    findByUserName: async () => ({ customer: CUSTOMER, passwordHash: "hash of right" }),
    verifyPassword: async (hash, password) => {
      if (isFull) throw new AppError("request.rate_limited", { retryAfterSeconds: 1 });
      return hash === `hash of ${password}`;
    },
    decoyHash: "decoy",
    scope: { provider: true },
    clock,
  });
  const turnedAway = await Promise.allSettled(Array.from({ length: 10 }, () => check("clinic-1", "right", "10.0.0.1")));
  isFull = false;

  const later = check("clinic-1", "right", "10.0.0.1");

  await expect(later).resolves.toEqual({ customer: CUSTOMER.id });
  expect(turnedAway.every(({ status }) => status === "rejected")).toBe(true);
});

test("right passwords use no tries up, and take back nobody's wrong ones", async () => {
  const { check } = credentials();
  for (let tries = 0; tries < 30; tries += 1) await check("clinic-1", "right", "10.0.0.1");
  for (let tries = 0; tries < 10; tries += 1) {
    await expect(check("clinic-1", "wrong", "10.0.0.2")).rejects.toMatchObject({ code: "link.credentials_wrong" });
    if (tries < 9) await check("clinic-1", "right", "10.0.0.1");
  }

  await expect(check("clinic-1", "right", "10.0.0.1")).rejects.toMatchObject({ code: "link.credentials_throttled" });
});

test("a user name is made of plain letters of the customer's name", () => {
  expect(userNameOf("Café Größe & Söhne", "abcdef")).toMatch(/^[a-z0-9-]+-abcdef$/);
  expect(userNameOf("中文", "abcdef")).toBe("customer-abcdef");
});

test("validity ends at its very moment", () => {
  expect(hasExpired(CUSTOMER, new Date("2026-12-31T23:59:59Z"))).toBe(false);
  expect(hasExpired(CUSTOMER, CUSTOMER.validUntil)).toBe(true);
});

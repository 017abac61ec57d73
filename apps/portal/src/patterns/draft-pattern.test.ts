import { type CustomerId, newId } from "@tms/records";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { untilSomebodyWaits } from "../lock-wait.contract.ts";
import {
  customerWithKeys,
  draftOf,
  openPatternWorld,
  type PatternWorld,
  roleFileFor,
  someCase,
} from "./pattern-world.contract.ts";

let world: PatternWorld;

beforeAll(async () => {
  world = await openPatternWorld();
});
afterAll(() => world.close());

async function drafted() {
  const customer = await customerWithKeys(world);
  const forCase = someCase();
  const draft = draftOf(customer.scope, forCase);
  const { id } = await world.draftPattern(customer.scope, forCase, draft);
  const again = draftOf(customer.scope, forCase, { id, title: "Other words" });
  return { ...customer, forCase, draft, id, again };
}

test("a draft that nobody signed gives way to another one, whose bytes stand from then on", async () => {
  const { scope, forCase, id, again } = await drafted();

  await world.draftPattern(scope, forCase, again);

  expect((await world.store.find(scope, id, 1))?.bytes).toEqual(again.bytes);
});

test("a draft that races with a signature does not put other bytes under it", async () => {
  const { scope, experts, forCase, draft, id, again } = await drafted();
  const roleFile = await roleFileFor(world, { scope, id, signers: experts.slice(0, 1) });
  const [signed, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  onTestFinished(() => release.resolve());
  const slowly = world.signingThrough((of, asked, work) =>
    world.store.lockedForSigning(of, asked, async (tx) => {
      const state = await work(tx);
      signed.resolve();
      await release.promise;
      return state;
    }),
  );

  const signing = slowly(scope, { id, version: 1 }, roleFile);
  await signed.promise;
  const drafting = world.draftPattern(scope, forCase, again).catch((error: unknown) => error);
  await untilSomebodyWaits(world.database.url);
  release.resolve();

  expect(await drafting).toMatchObject({ code: "pattern.state_wrong" });
  expect(await signing).toBe("waits-for-second-signature");
  const stands = await world.store.find(scope, id, 1);
  expect(stands).toMatchObject({ state: "waits-for-second-signature", digest: draft.check.digest });
  expect(stands?.bytes).toEqual(draft.bytes);
});

test("an issued pattern is never replaced", async () => {
  const { scope, experts, forCase, draft, id, again } = await drafted();
  await world.signPattern(
    scope,
    { id, version: 1 },
    await roleFileFor(world, { scope, id, signers: experts.slice(0, 2) }),
  );

  await expect(world.draftPattern(scope, forCase, again)).rejects.toMatchObject({ code: "pattern.state_wrong" });

  expect(await world.store.find(scope, id, 1)).toMatchObject({ state: "issued", digest: draft.check.digest });
});

test.each([1, 2])("a draft of another case does not take an id over, as version %i", async (version) => {
  const { scope, forCase, draft, id } = await drafted();
  const otherCase = someCase();

  const taking = world.draftPattern(scope, otherCase, draftOf(scope, otherCase, { id, version }));

  await expect(taking).rejects.toMatchObject({ code: "case.differs" });
  expect(await world.store.find(scope, id, 1)).toMatchObject({ caseId: forCase.id, digest: draft.check.digest });
});

test("a newer version takes the place of the issued one, and an older one never does", async () => {
  const { scope, experts, forCase, id } = await drafted();
  const signers = experts.slice(0, 2);
  const draft = (version: number) => world.draftPattern(scope, forCase, draftOf(scope, forCase, { id, version }));
  const sign = async (version: number) =>
    world.signPattern(scope, { id, version }, await roleFileFor(world, { scope, id, version, signers }));
  await sign(1);
  await draft(2);
  await draft(4);
  const newest = await sign(4);

  await expect(sign(2)).rejects.toMatchObject({ code: "pattern.state_wrong" });
  await expect(draft(3)).rejects.toMatchObject({ code: "pattern.state_wrong" });

  expect(newest).toBe("issued");
  expect((await world.store.find(scope, id, 1))?.state).toBe("superseded");
  expect((await world.store.find(scope, id, 4))?.state).toBe("issued");
});

test("an id of another customer is taken, and leads to the first one's pattern as before", async () => {
  const first = await drafted();
  const second = await customerWithKeys(world);
  const forCase = someCase();

  const taking = world.draftPattern(second.scope, forCase, draftOf(second.scope, forCase, { id: first.id }));

  await expect(taking).rejects.toMatchObject({ code: "pattern.id_taken" });
  expect(await world.store.ownerOf({ provider: true }, first.id, 1)).toBe(first.scope.customer);
});

test("a check of other bytes than the draft's counts for nothing", async () => {
  const { scope, forCase, draft, again, id } = await drafted();

  const lying = world.draftPattern(scope, forCase, { ...again, check: draft.check });
  const lyingPlan = world.draftPattern(scope, forCase, {
    ...again,
    check: { ...again.check, planDigest: "0".repeat(64) },
  });

  await expect(lying).rejects.toMatchObject({ code: "pattern.digest_mismatch" });
  await expect(lyingPlan).rejects.toMatchObject({ code: "pattern.digest_mismatch" });
  expect((await world.store.find(scope, id, 1))?.bytes).toEqual(draft.bytes);
});

test("a draft names its own case, customer and endpoint, and nobody else's", async () => {
  const { scope } = await customerWithKeys(world);
  const [forCase, otherCase] = [someCase(), someCase()];
  const codeOf = (change: Record<string, unknown>) =>
    world.draftPattern(scope, forCase, draftOf(scope, forCase, change)).then(
      () => null,
      (error: unknown) => (error as { code?: string }).code,
    );

  const codes = [
    await codeOf({ case: { id: otherCase.id, shortId: "C-2" } }),
    await codeOf({ customer: newId<CustomerId>() }),
    await codeOf({ endpoints: [forCase.endpoint, otherCase.endpoint] }),
    await codeOf({ case: { id: forCase.id, shortId: "C-1" } }),
  ];

  expect(codes).toEqual(["case.differs", "pattern.customer_differs", "pattern.endpoint_differs", null]);
});

import { fileURLToPath } from "node:url";
import { newId, type PatternId, type ThreatId } from "@tms/records";
import { createTestDatabase, type TestDatabase } from "@tms/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CaseTables, createCaseStore, type PortalView } from "./case-store.ts";
import { AT, caseOf, later, sha } from "./case-under-test.contract.ts";

const MIGRATIONS = [fileURLToPath(new URL("../../migrations", import.meta.url))];
let database: TestDatabase<CaseTables>;

beforeAll(async () => {
  database = await createTestDatabase<CaseTables>({ migrations: MIGRATIONS });
});
afterAll(() => database.drop());

async function kept(change: Parameters<typeof caseOf>[0] = {}) {
  const store = createCaseStore(database.databases.app);
  const one = caseOf(change);
  await store.insert(one);
  const state = async () => (await store.get(one.id))?.state;
  const view = (over: Partial<PortalView>): PortalView => ({
    id: one.id,
    shortId: "C-1",
    state: "new",
    changeNumber: 1,
    pattern: null,
    ...over,
  });
  return { store, one, state, view };
}

test("a case comes back as it was kept", async () => {
  const { store, one } = await kept();

  expect(await store.get(one.id)).toEqual(one);
  expect(await store.byPackage(one.package.id)).toEqual(one);
});

test("two people who press at once open one case; a closed one does not stand in the way", async () => {
  const { store } = await kept();
  const threat = newId<ThreatId>();
  const [first, second, third] = [caseOf({ threat }), caseOf({ threat }), caseOf({ threat, openedAt: later(1) })];

  const both = await Promise.all([store.insert(first), store.insert(second)]);
  const winner = await store.openOf(threat);
  await store.setState(winner?.id ?? first.id, "closed", AT);
  const again = await store.insert(third);

  expect(both.sort()).toEqual([false, true]);
  expect(again).toBe(true);
  expect((await store.latestOf(threat))?.id).toBe(third.id);
});

test("text that PostgreSQL cannot hold stops no case", async () => {
  const { store, one } = await kept({ note: "a\0b", host: "h\ud800" });

  expect(await store.get(one.id)).toMatchObject({ note: "a\ufffdb", host: "h\ufffd" });
});

test("a state keeps the time since when it holds, however often it is said", async () => {
  const { store, one } = await kept();
  await store.setState(one.id, "collecting", later(1));
  await store.setState(one.id, "collecting", later(2));

  expect((await store.get(one.id))?.stateSince).toEqual(later(1));
});

test("where collecting stands is not written over a case that has left collecting", async () => {
  const { store, one, state } = await kept();
  await store.collectingAt(one.id, "endpoint-away", later(1));
  const before = await state();
  await store.setState(one.id, "package-failed", later(2));

  await store.collectingAt(one.id, "collecting", later(3));

  expect([before, await state()]).toEqual(["endpoint-away", "package-failed"]);
});

test("from `new` on the portal leads; before that its view brings the short id alone", async () => {
  const { store, one, state, view } = await kept({ state: "collecting" });
  await store.mirror(view({ state: "submitted", changeNumber: 1 }), later(1));
  const early = await state();

  await store.mirror(
    view({ state: "deploying", changeNumber: 2, pattern: { id: "CP-1" as PatternId, version: 3 } }),
    later(2),
  );

  expect(early).toBe("collecting");
  expect(await store.get(one.id)).toMatchObject({
    shortId: "C-1",
    state: "deploying",
    stateSince: later(2),
    pattern: { id: "CP-1", version: 3 },
  });
});

test("an older change that comes late takes nothing back", async () => {
  const { store, state, view } = await kept();
  await store.mirror(view({ state: "in-analysis", changeNumber: 9 }), AT);

  await store.mirror(view({ state: "new", changeNumber: 8 }), later(1));

  expect(await state()).toBe("in-analysis");
  expect(await store.highestChange()).toBeGreaterThanOrEqual(9);
});

test("what the portal has not confirmed is to be put; what it leads is not", async () => {
  const { store, one, view } = await kept({ state: "collecting" });
  const isToPut = async () => (await store.toPut()).some(({ id }) => id === one.id);
  const before = await isToPut();
  await store.confirmed(one.id, "collecting");
  const confirmed = await isToPut();
  await store.mirror(view({ state: "in-analysis" }), AT);

  expect([before, confirmed, await isToPut()]).toEqual([true, false, false]);
});

test("only a package that lies here and is not with the portal is forwarded", async () => {
  const { store, one } = await kept({ state: "package-uploading" });
  const waits = async () => (await store.toForward()).some(({ id }) => id === one.id);
  await store.packageAnnounced(one.id, { sha256: sha("a"), sizeBytes: 5, recipients: "age1one" });
  const announced = await waits();
  await store.packageReceived(one.id, { file: "/kept.age", at: AT });
  const received = await waits();
  await store.forwarded(one.id, AT);

  expect([announced, received, await waits()]).toEqual([false, true, false]);
});

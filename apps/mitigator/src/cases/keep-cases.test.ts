import { fileURLToPath } from "node:url";
import { AppError, type DirectiveId, type ErrorCode } from "@tms/records";
import { createTestDatabase, TestClock } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import type { Case } from "./case.ts";
import { type CaseTables, createCaseStore } from "./case-store.ts";
import { AT, caseOf, codeOf, sha } from "./case-under-test.contract.ts";
import { createHearCollection } from "./hear-collection.ts";
import { createKeepCases, type PortalCases } from "./keep-cases.ts";
import { createOrderCollection } from "./order-collection.ts";

const MIGRATIONS = [fileURLToPath(new URL("../../migrations", import.meta.url))];
const refusal = (code: ErrorCode) => new AppError(code, {});

/** A mitigator's cases in a database of the test's own, between an agent and a portal that a test may let fail. */
async function arrange(over: { refuses?: ErrorCode; connected?: boolean } = {}) {
  const database = await createTestDatabase<CaseTables>({ migrations: MIGRATIONS });
  onTestFinished(() => database.drop());
  const store = createCaseStore(database.databases.app);
  const clock = new TestClock(AT);
  const given: DirectiveId[] = [];
  const dropped: string[] = [];
  const put: Case[] = [];
  const problems = new Map<string, Error>();
  const portal: PortalCases = {
    put: async (one) => {
      const problem = problems.get(one.id);
      if (problem !== undefined) throw problem;
      put.push(one);
      return { id: one.id, shortId: "C-7", state: one.state, changeNumber: put.length, pattern: null };
    },
    changedAfter: async () => [],
    upload: async (one, { onProgress }) => {
      onProgress(3);
      const problem = problems.get(one.id);
      if (problem !== undefined) throw problem;
    },
  };
  const line: { portal: PortalCases | null } = { portal };
  const orderCollection = createOrderCollection({
    cases: store,
    giveOrder: async ({ id }) => {
      if (over.refuses !== undefined) throw refusal(over.refuses);
      given.push(id);
      return id;
    },
    clock,
  });
  const keep = createKeepCases({
    cases: store,
    portal: () => line.portal,
    orderCollection,
    isDelivered: async (one) => given.filter((id) => id === one.directive).length > 1,
    isConnected: async () => over.connected ?? false,
    shelf: { keep: async (file) => file, drop: async (file) => void dropped.push(file) },
    clock,
  });
  const hear = createHearCollection({ cases: store, onChanged: () => undefined, clock });
  const add = async (change: Partial<Case> = {}) => {
    const one = caseOf(change);
    await store.insert(one);
    return one;
  };
  const addReceived = async () => {
    const one = await add({ state: "package-uploading" });
    await store.packageAnnounced(one.id, { sha256: sha("a"), sizeBytes: 9, recipients: "age1one" });
    await store.packageReceived(one.id, { file: `/shelf/${one.id}`, at: AT });
    return one;
  };
  const state = async (one: Case) => (await store.get(one.id))?.state;
  return { store, keep, hear, add, addReceived, state, given, put, dropped, problems, line };
}

const signal = new AbortController().signal;

test("an order that a crash cut off is given again under the same id, and the state follows the endpoint", async () => {
  const { keep, add, state, given } = await arrange();
  const one = await add();
  await keep.watchCollecting();
  const away = await state(one);

  await keep.watchCollecting();

  expect(given).toEqual([one.directive, one.directive]);
  expect([away, await state(one)]).toEqual(["endpoint-away", "collecting"]);
});

test.each(["directive.not_allowed", "endpoint.unknown"] as const)(
  "an order refused with %s ends in a failed package and stays there",
  async (code) => {
    const { keep, add, state } = await arrange({ refuses: code, connected: true });
    const one = await add();

    await keep.watchCollecting();
    await keep.watchCollecting();

    expect(await state(one)).toBe("package-failed");
  },
);

test("an outcome that says no fails its own case, and never one whose package arrived", async () => {
  const { hear, add, addReceived, state } = await arrange();
  const [failing, other, received] = [await add(), await add(), await addReceived()];

  await hear({ id: failing.directive, ok: false, code: "case.nothing_unresolved" });
  await hear({ id: other.directive, ok: true, code: null });
  await hear({ id: received.directive, ok: false, code: "link.timeout" });

  expect([await state(failing), await state(other), await state(received)]).toEqual([
    "package-failed",
    "submitted",
    "package-uploading",
  ]);
});

test("a case is put once for each state, whatever the number of passes", async () => {
  const { store, keep, add, put } = await arrange();
  const one = await add();
  await keep.putStates();
  await keep.putStates();
  await store.setState(one.id, "collecting", AT);
  await keep.putStates();

  expect(put.map((each) => each.state)).toEqual(["submitted", "collecting"]);
  expect((await store.get(one.id))?.shortId).toBe("C-7");
});

test("a case that the portal refuses stops no other; a line that fails stops the pass and loses nothing", async () => {
  const { keep, add, put, problems } = await arrange();
  const [refused, waiting] = [await add(), await add({ openedAt: new Date(AT.getTime() + 1) })];
  problems.set(refused.id, refusal("case.differs"));
  problems.set(waiting.id, refusal("link.timeout"));
  const cut = await codeOf(keep.putStates());
  problems.delete(waiting.id);

  await keep.putStates();

  expect(cut).toBe("link.timeout");
  expect(put.map(({ id }) => id)).toEqual([waiting.id]);
});

test("a package is forwarded once, and leaves the shelf only when the portal has it", async () => {
  const { store, keep, addReceived, dropped, problems } = await arrange();
  const one = await addReceived();
  problems.set(one.id, refusal("link.timeout"));
  const cut = await codeOf(keep.forwardPackages(signal));
  const before = { dropped: [...dropped], sent: (await store.get(one.id))?.package.sentBytes };
  problems.clear();

  await keep.forwardPackages(signal);
  await keep.forwardPackages(signal);

  expect(cut).toBe("link.timeout");
  expect(before).toEqual({ dropped: [], sent: 3 });
  expect(dropped).toEqual([`/shelf/${one.id}`]);
  expect((await store.get(one.id))?.package).toMatchObject({ sentBytes: 9, forwardedAt: AT });
});

test("a package that the portal refuses for good fails its case, keeps its file, and is not tried for ever", async () => {
  const { keep, addReceived, state, dropped, problems } = await arrange();
  const one = await addReceived();
  problems.set(one.id, refusal("package.hash_mismatch"));

  await keep.forwardPackages(signal);
  problems.clear();
  await keep.forwardPackages(signal);

  expect(await state(one)).toBe("package-failed");
  expect(dropped).toEqual([]);
});

test("a package that is too large for now is kept, offered again, and stands in no other one's way", async () => {
  const { keep, addReceived, state, dropped, problems } = await arrange();
  const [large, other] = [await addReceived(), await addReceived()];
  problems.set(large.id, refusal("limit.package_size"));
  await keep.forwardPackages(signal);
  const meanwhile = [await state(large), [...dropped]];
  problems.delete(large.id);

  await keep.forwardPackages(signal);

  expect(meanwhile).toEqual(["package-uploading", [`/shelf/${other.id}`]]);
  expect(dropped).toEqual([`/shelf/${other.id}`, `/shelf/${large.id}`]);
});

test("without a portal everything waits", async () => {
  const { keep, add, addReceived, put, line } = await arrange();
  await Promise.all([add(), addReceived()]);
  line.portal = null;

  await keep.putStates();
  await keep.forwardPackages(signal);
  await keep.pullChanges();

  expect(put).toEqual([]);
});

import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EndpointId, newId, type PatternId, type Sha256, type ThreatEventRecord } from "@tms/records";
import { makeThreatEvent } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import { openConsentKey } from "./consent-key.ts";
import { createFlushOutbox } from "./flush-outbox.ts";
import { createFollowDeployments } from "./follow-deployments.ts";
import { codeOf, openWorld } from "./pattern-world.contract.ts";

async function sent() {
  const world = await openWorld();
  const [own, other] = world.endpoints as [EndpointId, EndpointId];
  world.issue([own]);
  await world.fetchPatterns();
  await world.deploy.deployVerified();
  const [deployment] = await world.store.inState("sent-to-agent");
  if (deployment === undefined) throw new Error("nothing sent");
  const follow = createFollowDeployments({ patterns: world.store, onTold: () => undefined, clock: world.clock });
  const record = (state: "succeeded" | "cleanup-running", change: object = {}): ThreatEventRecord => {
    const made = makeThreatEvent({ kind: "cleanup" });
    const pattern = { kind: "custom" as const, id: deployment.pattern, version: deployment.version, ...change };
    return { ...made, body: { ...made.body, pattern, deployment: { state, steps: [], undo: "possible" } } };
  };
  return { ...world, own, other, deployment, follow, record };
}

test("taking the same target in twice keeps the deployment that exists and tells nothing twice", async () => {
  const { store, deployment, told, clock } = await sent();
  const before = (await told()).length;
  const target = { path: deployment.path, sha256: deployment.sha256, refused: null };
  const events = [makeThreatEvent({ kind: "deployment" })];

  await store.takeIn(target, [{ deployment: { ...deployment, state: "verified" }, events }], clock.now());

  expect((await store.get(deployment))?.state).toBe("sent-to-agent");
  expect(await told()).toHaveLength(before);
  expect(await store.isJudged(deployment.path, deployment.sha256)).toBe(true);
  expect(await store.isJudged(deployment.path, "f".repeat(64) as Sha256)).toBe(false);
});

test("an agent's word moves its own deployment, and no other endpoint's, version's or pattern's", async () => {
  const { follow, store, own, other, deployment, record, clock } = await sent();
  await follow.records(other, [record("succeeded")], clock.now());
  await follow.records(own, [record("succeeded", { version: 2 })], clock.now());
  await follow.records(own, [record("succeeded", { id: "CP-other" as PatternId })], clock.now());
  const untouched = await store.get(deployment);

  await follow.records(own, [record("cleanup-running"), record("succeeded")], clock.now());

  expect(untouched).toEqual(deployment);
  expect(await store.get(deployment)).toMatchObject({ state: "succeeded", undo: "possible", appliedAt: clock.now() });
});

test("an order that was never taken fails once; one that its agent has begun does not", async () => {
  const { follow, store, own, deployment, record, told, clock } = await sent();
  const outcome = { id: deployment.directive, ok: false, code: "directive.expired" };
  await follow.outcome(outcome);
  await follow.outcome(outcome);
  const failed = (await told()).filter(({ body }) => body.deployment?.state === "failed");
  await follow.records(own, [record("cleanup-running")], clock.now());

  await follow.outcome(outcome);

  expect(failed.map(({ body }) => body.status)).toEqual(["cannot-connect"]);
  expect((await store.get(deployment))?.state).toBe("cleanup-running");
});

test("the outbox is passed on in order, again from where it failed, and never by two at once", async () => {
  const { store, told, clock } = await sent();
  const waiting = (await told()).map(({ id }) => id);
  const passed: string[] = [];
  const fails = { next: true };
  const flush = createFlushOutbox({
    patterns: store,
    log: async () => undefined,
    spool: async (_, { id }) => {
      if (passed.length === 1 && fails.next) {
        fails.next = false;
        throw new Error("disk full");
      }
      passed.push(id);
    },
    clock,
  });

  const results = await Promise.allSettled([flush(), flush(), flush()]);

  expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
  expect(passed).toEqual(waiting);
  expect(await told()).toEqual([]);
});

test("the consent key is made once, for its owner alone, and a key that cannot be read is not replaced", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tms-consent-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, "consent-key.pem");

  const first = await openConsentKey(directory);
  const second = await openConsentKey(directory);
  const { mode } = await stat(path);
  const elsewhere = await codeOf(openConsentKey(join(path, newId<string>())));

  expect(second).toEqual(first);
  expect(mode & 0o777).toBe(0o600);
  expect(elsewhere).toContain("ENOTDIR");
  expect(await readFile(path, "utf8")).toBe(first.privatePem);
});

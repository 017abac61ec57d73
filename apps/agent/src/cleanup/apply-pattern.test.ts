import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { VerifiedPattern } from "@tms/patterns";
import { sealConsent } from "@tms/patterns";
import { systemClock, type ThreatEventRecord } from "@tms/records";
import { makeEd25519 } from "@tms/signing";
import { expect, onTestFinished, test } from "vitest";
import { openAgentState } from "#app/assess/index.ts";
import { makeThreat } from "#app/assess/threat-for-tests.contract.ts";
import { createPatternApplier } from "./apply-pattern.ts";
import type { CleanupRunner } from "./cleanup-runner.ts";
import { CUSTOMER, ENDPOINT, makeWorld, patternOf, sight } from "./cleanup-world.contract.ts";

/** The real runner over two files of one threat, its state on disk, and a pattern that quarantines both. */
function world() {
  const { sandbox, data, runner, remove } = makeWorld();
  onTestFinished(remove);
  const [payload, script] = [join(sandbox, "payload"), join(sandbox, "sub", "script")];
  mkdirSync(join(sandbox, "sub"));
  for (const file of [payload, script]) writeFileSync(file, "bad bytes");
  const pattern = patternOf([
    { step: "payload", verb: "file.quarantine", target: { path: payload } },
    { step: "script", verb: "file.quarantine", target: { path: script } },
  ]);
  const order = { pattern: pattern.manifest.id, version: 1 };
  const stateFile = join(data, "state.db");
  const seed = openAgentState(stateFile);
  const { threatId } = seed.meet(
    makeThreat({ ruleId: "made_up", path: Buffer.from(payload), sizeBytes: 9 }),
    () => true,
  );
  seed.close();
  const consentKey = makeEd25519();
  const told: ThreatEventRecord[] = [];

  function start(use: Partial<CleanupRunner> = {}) {
    const state = openAgentState(stateFile);
    onTestFinished(() => state.close());
    const applier = createPatternApplier({
      patterns: patternsWith(pattern),
      runner: { ...runner, ...use },
      look: sight({ sizeOf: () => 9, detected: () => [{ path: Buffer.from(payload) }] as never }),
      state,
      sink: { threatEvents: async (records) => void told.push(...records), rootCause: async () => undefined },
      customer: CUSTOMER,
      endpoint: ENDPOINT,
      host: "ws-test",
      consentKey: consentKey.publicSpki,
      clock: systemClock,
      isPassing: () => false,
      onProblem: (error) => {
        throw error;
      },
    });
    const resolvedBy = () => state.threats().find((threat) => threat.threatId === threatId)?.resolvedBy;
    return { applier, resolvedBy };
  }
  const consent = sealConsent(consentKey.privatePkcs8Pem, pattern, {
    customer: CUSTOMER,
    endpoints: [ENDPOINT],
    expiresAt: new Date(Date.now() + 3_600_000),
  });
  const apply = { ...order, directive: "apply", target: pattern.targetPath, consent };
  return { ...start(), start, payload, script, order, apply, told };
}

function patternsWith(pattern: VerifiedPattern) {
  return {
    rules: () => null,
    load: async () => undefined,
    refresh: async () => undefined,
    verified: async () => pattern,
    recipients: async () => [],
  };
}

const rollbacks = (told: ThreatEventRecord[]) =>
  told.filter(({ kind }) => kind === "rollback").map(({ body }) => [body.status, body.deployment?.state]);

test("a whole undo makes the threat unresolved again and says that it is rolled back", async () => {
  const { applier, resolvedBy, apply, order, payload, script, told } = world();
  await applier.apply(apply);
  const cleaned = resolvedBy();

  await applier.undo({ ...order, directive: "undo" });

  expect([cleaned, resolvedBy()]).toEqual(["CP-test@1", null]);
  expect([payload, script].map((file) => readFileSync(file, "utf8"))).toEqual(["bad bytes", "bad bytes"]);
  expect(rollbacks(told)).toEqual([["rollback-successful", "rolled-back"]]);
});

test("an undo that put back only a part leaves the threat unresolved, because a part of it is there", async () => {
  const { applier, resolvedBy, apply, order, payload, script, told } = world();
  await applier.apply(apply);
  writeFileSync(script, "somebody's own");

  const result = await applier.undo({ ...order, directive: "undo" });

  expect(result).toMatchObject({ state: "partially", changed: 1 });
  expect(readFileSync(payload, "utf8")).toBe("bad bytes");
  expect(readFileSync(script, "utf8")).toBe("somebody's own");
  expect(resolvedBy()).toBeNull();
  expect(rollbacks(told)).toEqual([["rollback-unsuccessful", "partially"]]);
});

test("an undo that put nothing back leaves the threat resolved", async () => {
  const { applier, resolvedBy, apply, order, payload, script, told } = world();
  await applier.apply(apply);
  for (const file of [payload, script]) writeFileSync(file, "somebody's own");

  const result = await applier.undo({ ...order, directive: "undo" });

  expect(result.changed).toBe(0);
  expect(resolvedBy()).toBe("CP-test@1");
  expect(rollbacks(told)).toHaveLength(1);
});

test("an undo that cannot begin leaves the threat as it was, and tells nothing", async () => {
  const { applier, resolvedBy, apply, order, told } = world();
  await applier.apply(apply);

  const undoing = applier.undo({ ...order, version: 2, directive: "undo" });

  await expect(undoing).rejects.toThrow();
  expect(resolvedBy()).toBe("CP-test@1");
  expect(rollbacks(told)).toEqual([]);
});

test("an agent that falls between its mark and the files meets the same order again and ends it whole", async () => {
  const { applier, start, apply, order, payload, told } = world();
  await applier.apply(apply);
  // What a fall leaves: the mark is on disk, and nothing after it ever happened.
  const fallen = start({ undo: () => new Promise(() => undefined) });
  void fallen.applier.undo({ ...order, directive: "undo" });
  const again = start();
  const marked = again.resolvedBy();

  await again.applier.undo({ ...order, directive: "undo" });

  expect(marked).toBeNull();
  expect(readFileSync(payload, "utf8")).toBe("bad bytes");
  expect(again.resolvedBy()).toBeNull();
  expect(rollbacks(told)).toEqual([["rollback-successful", "rolled-back"]]);
});

test("without the pinned key's consent to exactly this pattern nothing is touched, and it is told", async () => {
  const { applier, resolvedBy, apply, payload, told } = world();
  const forged = { ...apply.consent, signature: Buffer.alloc(64).toString("base64") };

  const applying = applier.apply({ ...apply, consent: forged });

  await expect(applying).rejects.toMatchObject({ code: "consent.invalid" });
  expect(readFileSync(payload, "utf8")).toBe("bad bytes");
  expect(resolvedBy()).toBeNull();
  expect(told.map(({ kind, body }) => [kind, body.status])).toEqual([["deployment", "pattern-corrupted"]]);
});

test("what is gone before the cleanup is said to be gone, not to have been resolved by it", async () => {
  const { applier, apply, payload, script, told } = world();
  for (const file of [payload, script]) rmSync(file);

  const result = await applier.apply(apply);

  expect(result.changed).toBe(0);
  expect(told.at(-1)?.body.status).toBe("threat-no-longer-exists");
});

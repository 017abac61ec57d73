import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CleanupStep, type PatternManifest, type VerifiedPattern, verifyPattern } from "@tms/patterns";
import { type CustomerId, type EndpointId, newId, type PatternId, systemClock } from "@tms/records";
import type { TrustedTarget } from "@tms/signing";
import { createCleanupRunner } from "./cleanup-runner.ts";
import { openHostKey } from "./host-key.ts";
import { openJournal } from "./journal.ts";
import type { CleanupSight } from "./plan-cleanup.ts";

// What the tests of this slice share: a sandbox, the real runner over it, and patterns with the steps they need.

export const CUSTOMER = newId<CustomerId>();
export const ENDPOINT = newId<EndpointId>();

/** A sandbox and an agent's data folder; `remove` deletes both. */
export function makeWorld(checkpoint: (name: string) => void = () => undefined) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tms-cleanup-")));
  for (const folder of ["sandbox", "data"]) mkdirSync(join(root, folder), { mode: 0o700 });
  return { root, ...openWorld(root, checkpoint), remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** Opens a world that exists: what a restarted agent does. */
export function openWorld(root: string, checkpoint: (name: string) => void = () => undefined) {
  const sandbox = join(root, "sandbox");
  const data = join(root, "data");
  mkdirSync(join(data, "quarantine"), { recursive: true, mode: 0o700 });
  const quarantine = {
    directory: join(data, "quarantine"),
    hostKey: openHostKey(join(data, "host.key")),
    stagingFolders: [join(data, "staging")],
    checkpoint,
    now: () => systemClock.now(),
  };
  const journal = openJournal(join(data, "journal"));
  const confinement = { root: Buffer.from(sandbox), own: [Buffer.from(data)] };
  const runner = createCleanupRunner({ journal, quarantine, confinement, clock: systemClock });
  return { sandbox, data, quarantine, journal, confinement, runner };
}

export function containersIn(world: { data: string }): string[] {
  return readdirSync(join(world.data, "quarantine")).map((name) => join(world.data, "quarantine", name));
}

export function patternOf(cleanup: CleanupStep[], limits: Partial<PatternManifest["limits"]> = {}): VerifiedPattern {
  const manifest: PatternManifest = {
    schema: "tms.pattern/1",
    id: "CP-test" as PatternId,
    version: 1,
    title: "A made-up threat",
    customer: CUSTOMER,
    case: null,
    severity: "high",
    expires: "2099-01-01T00:00:00Z",
    endpoints: [ENDPOINT],
    limits: { maxKills: 10, maxFiles: 10, maxBytes: 1_000_000, deadlineSeconds: 60, ...limits },
    rules: [
      {
        id: "made_up",
        kind: "yara",
        title: "A made-up threat",
        severity: "high",
        severityReason: "It is made up.",
        source: "rule made_up { condition: false }",
      },
    ],
    cleanup,
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  // Signatures are the business of @tms/signing; here only what a verified target says matters.
  const target = {
    path: "custom-act/CP-test.json",
    sha256,
    sizeBytes: bytes.length,
    role: "custom-act",
  } as TrustedTarget;
  return verifyPattern({ bytes, target, customer: CUSTOMER, endpoint: ENDPOINT, now: new Date() });
}

/** The three steps that every planted threat needs, by explicit path. */
export function wholeCleanup(sandbox: string, line: string): CleanupStep[] {
  return [
    { step: "file", verb: "file.quarantine", target: { path: join(sandbox, "payload") } },
    { step: "kill", verb: "process.kill", target: { path: join(sandbox, "payload") } },
    { step: "line", verb: "persist.removeLine", target: { path: join(sandbox, "crontab"), line } },
    { step: "check", verb: "verify", target: { path: join(sandbox, "payload") } },
  ];
}

/** Sees nothing but what a test names. */
export function sight(seen: Partial<CleanupSight> = {}): () => Promise<CleanupSight> {
  return async () => ({
    detected: () => [],
    holders: () => [],
    running: () => [],
    crontabLines: () => [],
    chainFiles: () => [],
    sizeOf: () => 0,
    ...seen,
  });
}

/** A process that sleeps, with its folder in the sandbox. */
export function startSleeper(sandbox: string): ChildProcess {
  return spawn("/bin/sleep", ["60"], { cwd: sandbox, stdio: "ignore" });
}

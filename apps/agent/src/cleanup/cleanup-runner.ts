import { randomUUID } from "node:crypto";
import type { VerifiedPattern } from "@tms/patterns";
import { AppError, type ErrorCode, type PatternId, type StepResult } from "@tms/records";
import { shortText } from "@tms/root-cause";
import { codeOf } from "./anchored.ts";
import type { CleanupDeps } from "./cleanup-deps.ts";
import { checkFile } from "./confinement.ts";
import type { JournalEntry, Run } from "./journal.ts";
import { checkProcess, killProcess } from "./kill-process.ts";
import { hashAt } from "./object-state.ts";
import { type CleanupSight, type PlannedAct, planCleanup } from "./plan-cleanup.ts";
import { quarantineFile } from "./quarantine.ts";
import { recoverRun } from "./recover-run.ts";
import { removeLine } from "./remove-line.ts";
import { undoRun } from "./undo-run.ts";

// A cleanup: the acts of a verified pattern, in a fixed order, each journaled before and after.
// I1  Only a VerifiedPattern acts, and only inside the confinement and the pattern's own limits.
// I2  Acts are planned from what is here now, phase by phase: ending processes changes what the file phase finds.
// I3  A run that a crash cut off is taken up by the same directive; what was done then counts once.
// I4  One failed act does not stop the others; the result says partially.

export interface CleanupResult {
  run: string;
  state: "succeeded" | "partially" | "failed";
  steps: StepResult[];
  undo: "possible" | "done" | "none";
  /** Objects that were changed (or put back, for an undo). */
  changed: number;
}

export interface CleanupRunner {
  /** @param look Reads what is on the endpoint now. */
  run(order: {
    pattern: VerifiedPattern;
    directive: string;
    look: (pattern: VerifiedPattern) => Promise<CleanupSight>;
  }): Promise<CleanupResult>;
  /** Undoes every cleanup of this pattern, the last act first. @throws {AppError} `cleanup.unknown`. */
  undo(pattern: PatternId, version: number): Promise<CleanupResult>;
  /** Brings what a crash cut off into a whole state; to be called before anything else. */
  recover(): void;
}

const PHASES = ["persist.removeLine", "process.kill", "file.quarantine", "verify"] as const;
/** A process that starts itself again is ended again, this many times. */
const KILL_ROUNDS = 3;

export function createCleanupRunner(deps: CleanupDeps): CleanupRunner {
  return {
    async run({ pattern, directive, look }) {
      const run = openRunFor(deps, pattern, directive);
      if (!run.entries.some((entry) => entry.t === "end")) {
        await carryOut(deps, run, { pattern, look });
        run.append({ t: "end", state: resultOf(run).state, at: deps.clock.now().toISOString() });
      }
      return resultOf(run);
    },
    async undo(pattern, version) {
      const runs = deps.journal.runs().filter((run) => {
        const [head] = run.entries;
        return head?.t === "run" && head.pattern === pattern && head.version === version;
      });
      const last = runs.at(-1);
      if (last === undefined) throw new AppError("cleanup.unknown", { pattern, version });
      const undone = runs.reverse().map((run) => undoRun(deps, run));
      const steps = undone.flatMap((one) => one.steps);
      const isWhole = steps.every((step) => step.outcome === "undone" || step.code === "cleanup.not_undoable");
      const changed = undone.reduce((sum, one) => sum + one.changed, 0);
      const state = isWhole ? "succeeded" : steps.some((step) => step.outcome === "undone") ? "partially" : "failed";
      return { run: last.run, state, steps, undo: isWhole ? "done" : "possible", changed };
    },
    recover() {
      for (const run of deps.journal.runs()) recoverRun(deps, run);
    },
  };
}

function openRunFor(deps: CleanupDeps, pattern: VerifiedPattern, directive: string): Run {
  const known = deps.journal
    .runs()
    .find((run) => run.entries[0]?.t === "run" && run.entries[0].directive === directive);
  const { id, version } = pattern.manifest;
  const at = deps.clock.now().toISOString();
  // The time in front keeps runs in order of their beginning.
  const run = `${at.replace(/[^0-9]/g, "")}-${randomUUID()}`;
  return known ?? deps.journal.begin({ run, pattern: id, version, digest: pattern.digest, directive, at });
}

interface Budget {
  kills: number;
  files: number;
  bytes: number;
  deadline: AbortSignal;
}

async function carryOut(
  deps: CleanupDeps,
  run: Run,
  order: { pattern: VerifiedPattern; look: (pattern: VerifiedPattern) => Promise<CleanupSight> },
): Promise<void> {
  const { limits, cleanup } = order.pattern.manifest;
  const deadline = AbortSignal.timeout(limits.deadlineSeconds * 1000);
  const budget: Budget = { kills: limits.maxKills, files: limits.maxFiles, bytes: limits.maxBytes, deadline };
  for (const verb of PHASES) {
    const rounds = verb === "process.kill" ? KILL_ROUNDS : 1;
    for (let round = 0; round < rounds; round += 1) {
      const sight = await order.look(order.pattern);
      const acts = planCleanup(order.pattern, sight).filter((act) => act.verb === verb);
      const fresh = acts.filter((act) => !isSettled(run, act));
      if (round > 0 && fresh.length === 0) break;
      const within = withinLimits(fresh, budget);
      for (const act of fresh) {
        if (!within) note(run, act, { outcome: "refused", code: "cleanup.limit_reached" });
        else await tryAct(deps, run, { act, sight, deadline });
      }
    }
    for (const step of cleanup) {
      if (step.verb === verb && !run.entries.some((entry) => entry.t === "done" && entry.step === step.step)) {
        run.append({ t: "done", n: null, step: step.step, verb, target: "nothing found", outcome: "nothing-to-do" });
      }
    }
  }
}

/** Limits are the pattern's own: when a phase would go over one, none of its acts is begun. */
function withinLimits(acts: readonly PlannedAct[], budget: Budget): boolean {
  for (const act of acts) {
    if (act.verb === "process.kill") budget.kills -= 1;
    if (act.verb === "file.quarantine") {
      budget.files -= 1;
      budget.bytes -= act.sizeBytes;
    }
  }
  return budget.kills >= 0 && budget.files >= 0 && budget.bytes >= 0;
}

/** Done before the crash, or in an earlier round. A refusal stands; a failure is tried again. */
function isSettled(run: Run, act: PlannedAct): boolean {
  return run.entries.some(
    (entry) =>
      entry.t === "done" &&
      entry.step === act.step &&
      entry.target === shortText(act.label) &&
      entry.outcome !== "failed",
  );
}

async function tryAct(
  deps: CleanupDeps,
  run: Run,
  what: { act: PlannedAct; sight: CleanupSight; deadline: AbortSignal },
): Promise<void> {
  const { act } = what;
  if (what.deadline.aborted) {
    note(run, act, { outcome: "refused", code: "cleanup.limit_reached" });
    return;
  }
  const n = run.entries.filter((entry) => entry.t === "intent").length;
  const noteWith = (result: { outcome: StepResult["outcome"]; code?: string }): void => {
    const hasIntent = run.entries.some((entry) => entry.t === "intent" && entry.n === n);
    note(run, act, { ...result, n: hasIntent ? n : null });
  };
  try {
    const code = await perform(deps, run, { ...what, n });
    noteWith(code === null ? { outcome: "done" } : { outcome: "failed", code });
  } catch (error) {
    // The code goes into the journal, the event and so to people; an unknown failure stops the cleanup.
    noteWith(outcomeOfError(error));
  }
}

/** @returns A code if the act was done and yet is not enough. */
async function perform(
  deps: CleanupDeps,
  run: Run,
  what: { act: PlannedAct; sight: CleanupSight; deadline: AbortSignal; n: number },
): Promise<ErrorCode | null> {
  const { act, n } = what;
  switch (act.verb) {
    case "persist.removeLine":
      checkFile(deps.confinement, act.path);
      removeLine(deps.quarantine, run, { n, step: act.step, path: act.path, line: act.line });
      return null;
    case "process.kill": {
      checkProcess(deps.confinement, act.process.pid);
      const { pid, start, image } = act.process;
      const action = { verb: act.verb, pid, start, image: image?.toString("base64") ?? "", label: act.label };
      run.append({ t: "intent", n, step: act.step, action });
      deps.quarantine.checkpoint("kill.intent");
      await killProcess(act.process, what.deadline);
      deps.quarantine.checkpoint("kill.killed");
      return null;
    }
    case "file.quarantine": {
      checkFile(deps.confinement, act.path);
      const { path, expected, detection, step } = act;
      const { otherNames } = quarantineFile(deps.quarantine, run, { n, step, path, expected, detection });
      return otherNames > 0 ? "cleanup.still_present" : null;
    }
    case "verify": {
      const { check } = act;
      const isThere =
        check.kind === "detection"
          ? what.sight.detected(check.rule).length > 0
          : isSameFileThere(check.path, check.sha256);
      return isThere ? "cleanup.still_present" : null;
    }
  }
}

function isSameFileThere(path: Buffer, sha256: string | null): boolean {
  const found = hashAt(path);
  return found !== null && (sha256 === null || found === sha256);
}

function outcomeOfError(error: unknown): { outcome: StepResult["outcome"]; code: string } {
  if (error instanceof AppError) {
    const isRefusal = error.code === "cleanup.target_protected" || error.code === "cleanup.target_outside";
    const isGone = error.code === "cleanup.target_missing" || error.code === "cleanup.line_not_found";
    return { outcome: isRefusal ? "refused" : isGone ? "nothing-to-do" : "failed", code: error.code };
  }
  switch (codeOf(error)) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return { outcome: "failed", code: "cleanup.denied" };
    case "ENOSPC":
    case "EDQUOT":
      return { outcome: "failed", code: "cleanup.disk_full" };
    default:
      throw error;
  }
}

function note(
  run: Run,
  act: PlannedAct,
  result: { outcome: StepResult["outcome"]; code?: string | undefined; n?: number | null },
): void {
  const { outcome, code, n = null } = result;
  const target = shortText(act.label);
  run.append({
    t: "done",
    n,
    step: act.step,
    verb: act.verb,
    target,
    outcome,
    ...(code === undefined ? {} : { code }),
  });
}

/** The state of a run from its journal alone; a later try of the same act replaces the earlier. */
function resultOf(run: Run): CleanupResult {
  const byAct = new Map<string, StepResult>();
  for (const entry of run.entries) {
    if (entry.t === "done") byAct.set(`${entry.step} ${entry.target}`, stepOf(entry));
  }
  const steps = [...byAct.values()];
  const isBad = steps.some((step) => step.outcome === "failed" || step.outcome === "refused");
  const acted = run.entries.filter((entry) => entry.t === "done" && entry.n !== null && entry.outcome === "done");
  const undoable = run.entries.some(
    (entry) =>
      entry.t === "intent" &&
      entry.action.verb !== "process.kill" &&
      acted.some((done) => "n" in done && done.n === entry.n),
  );
  const state = !isBad ? "succeeded" : acted.length > 0 ? "partially" : "failed";
  return { run: run.run, state, steps, undo: undoable ? "possible" : "none", changed: acted.length };
}

function stepOf(entry: Extract<JournalEntry, { t: "done" }>): StepResult {
  const { step, verb, target, outcome, code } = entry;
  return { step, verb, target, outcome, ...(code === undefined ? {} : { code }) };
}

import { AppError, type StepResult } from "@tms/records";
import { codeOf } from "./anchored.ts";
import type { CleanupDeps } from "./cleanup-deps.ts";
import type { Action, Run } from "./journal.ts";
import { restoreFile } from "./quarantine.ts";
import { restoreLine } from "./remove-line.ts";

/** Undoes the acts of one run, the last first. Repeating it does no harm: what was put back stays as it is. */
export function undoRun(deps: Pick<CleanupDeps, "quarantine">, run: Run): { steps: StepResult[]; changed: number } {
  const done = new Map(
    run.entries.flatMap((entry) => (entry.t === "done" && entry.n !== null ? [[entry.n, entry]] : [])),
  );
  const undone = new Set(
    run.entries.flatMap((entry) => (entry.t === "undone" && entry.outcome === "undone" ? [entry.n] : [])),
  );
  const steps: StepResult[] = [];
  let changed = 0;
  for (const entry of [...run.entries].reverse()) {
    if (entry.t !== "intent") continue;
    const record = done.get(entry.n);
    // A file with other names left was moved all the same, although its step failed.
    if (record === undefined || (record.outcome !== "done" && record.code !== "cleanup.still_present")) continue;
    const { step, verb, target } = record;
    if (undone.has(entry.n)) {
      steps.push({ step, verb, target, outcome: "undone" });
      continue;
    }
    const result = undoAct(deps, run, { n: entry.n, action: entry.action });
    if (result.outcome === "undone") changed += 1;
    steps.push({ step, verb, target, ...result });
  }
  return { steps, changed };
}

function undoAct(
  deps: Pick<CleanupDeps, "quarantine">,
  run: Run,
  at: { n: number; action: Action },
): { outcome: StepResult["outcome"]; code?: string } {
  const { n, action } = at;
  if (action.verb === "process.kill") return { outcome: "nothing-to-do", code: "cleanup.not_undoable" };
  run.append({ t: "undo", n });
  deps.quarantine.checkpoint("undo.intent");
  try {
    if (action.verb === "file.quarantine") restoreFile(deps.quarantine, action);
    else restoreLine(deps.quarantine, run, { n, action });
    run.append({ t: "undone", n, outcome: "undone" });
    return { outcome: "undone" };
  } catch (error) {
    const code = undoCode(error);
    run.append({ t: "undone", n, outcome: "failed", code });
    return { outcome: "failed", code };
  }
}

function undoCode(error: unknown): string {
  if (error instanceof AppError) return error.code;
  const code = codeOf(error);
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") return "cleanup.denied";
  if (code === "ENOSPC" || code === "EDQUOT") return "cleanup.disk_full";
  throw error;
}

import { readStat } from "#app/telemetry/index.ts";
import type { CleanupDeps } from "./cleanup-deps.ts";
import type { Action, Run } from "./journal.ts";
import { recoverQuarantine } from "./quarantine.ts";
import { recoverLine } from "./remove-line.ts";
import { undoRun } from "./undo-run.ts";

/**
 * Rolls a run forward after a crash: an act whose effect stands is done, one without effect is abandoned (and planned
 * anew when its directive comes again), an undo that was begun is finished.
 */
export function recoverRun(deps: CleanupDeps, run: Run): void {
  const settled = new Set(
    run.entries.flatMap((entry) => (entry.t === "done" || entry.t === "abandoned" ? [entry.n] : [])),
  );
  for (const entry of [...run.entries]) {
    if (entry.t !== "intent" || settled.has(entry.n)) continue;
    const { n, step, action } = entry;
    if (hasEffect(deps, run, { n, action })) {
      run.append({ t: "done", n, step, verb: action.verb, target: labelOf(action), outcome: "done" });
    } else run.append({ t: "abandoned", n });
  }
  const undone = new Set(run.entries.flatMap((entry) => (entry.t === "undone" ? [entry.n] : [])));
  if (run.entries.some((entry) => entry.t === "undo" && !undone.has(entry.n))) undoRun(deps, run);
}

function hasEffect(deps: CleanupDeps, run: Run, at: { n: number; action: Action }): boolean {
  const { action, n } = at;
  switch (action.verb) {
    case "persist.removeLine":
      return recoverLine(action);
    case "file.quarantine":
      return recoverQuarantine(deps.quarantine, run, { n, action });
    case "process.kill": {
      const stat = readStat(action.pid);
      return stat === null || stat.startTicks !== action.start || stat.state === "Z";
    }
  }
}

/** The same text as the plan's label, so that a try after the crash is known as the same act. */
function labelOf(action: Action): string {
  switch (action.verb) {
    case "persist.removeLine":
      return `${action.path}: ${action.line}`;
    case "file.quarantine":
      return action.path;
    case "process.kill":
      return action.label;
  }
}

import type { CleanupStep, VerifiedPattern } from "@tms/patterns";
import { isWithin } from "@tms/patterns";
import type { Sha256, Verb } from "@tms/records";
import { pathBytes, pathsInLine, pathText } from "@tms/root-cause";
import type { ProcessTarget } from "./kill-process.ts";

/** A concrete act on this endpoint. */
export type PlannedAct = { step: string; label: string } & (
  | { verb: "process.kill"; process: ProcessTarget }
  | { verb: "persist.removeLine"; path: Buffer; line: Buffer }
  | { verb: "file.quarantine"; path: Buffer; expected: Sha256 | null; sizeBytes: number; detection: string }
  | {
      verb: "verify";
      check: { kind: "detection"; rule: string } | { kind: "path"; path: Buffer; sha256: Sha256 | null };
    }
);

/** What this endpoint knows, asked while planning. */
export interface CleanupSight {
  /** Files on which a rule of the pattern matches now. */
  detected(rule: string): readonly { path: Buffer; sha256: Sha256; sizeBytes: number }[];
  /** Processes that hold a file open or run it. */
  holders(path: Buffer): readonly (ProcessTarget & { name: string })[];
  /** Processes whose image or script is this path. */
  running(path: Buffer): readonly (ProcessTarget & { name: string })[];
  /** Entries of the crontabs this agent watches. */
  crontabLines(): readonly { path: Buffer; line: Buffer }[];
  /** Files of the chain that led to a detected file, as `pathText`; a crontab line may start one of them instead. */
  chainFiles(path: Buffer): readonly string[];
  sizeOf(path: Buffer): number | null;
}

/** What starts a threat goes first, or it comes back; what runs goes before the file it holds. */
const ORDER: Record<Verb, number> = { "persist.removeLine": 0, "process.kill": 1, "file.quarantine": 2, verify: 3 };

/** Turns the pattern's steps into acts on what is here now. A step that finds nothing has none. */
export function planCleanup(pattern: VerifiedPattern, sight: CleanupSight): PlannedAct[] {
  const steps = [...pattern.manifest.cleanup].sort((a, b) => ORDER[a.verb] - ORDER[b.verb]);
  return steps.flatMap((step) => actsOf(step, sight));
}

function actsOf(step: CleanupStep, sight: CleanupSight): PlannedAct[] {
  const rule = step.detection ?? "";
  const found = "from" in step.target ? sight.detected(rule).filter((file) => isAllowed(step, file.path)) : [];
  switch (step.verb) {
    case "process.kill": {
      const { target } = step;
      const processes =
        "from" in target ? found.flatMap((file) => sight.holders(file.path)) : sight.running(pathBytes(target.path));
      return distinct(processes).map(({ name, ...process }) => ({
        step: step.step,
        verb: "process.kill",
        label: `pid ${process.pid} (${name})`,
        process,
      }));
    }
    case "persist.removeLine": {
      const { target } = step;
      if (!("from" in target)) {
        return [lineAct(step.step, { path: pathBytes(target.path), line: Buffer.from(target.line, "utf8") })];
      }
      const names = found.flatMap((file) => [pathText(file.path), ...sight.chainFiles(file.path)]);
      return sight
        .crontabLines()
        .filter((entry) => isAllowed(step, entry.path) && pathsInLine(pathText(entry.line), names).length > 0)
        .map((entry) => lineAct(step.step, entry));
    }
    case "file.quarantine": {
      const { target } = step;
      if ("from" in target) {
        return found.map(({ path, sha256, sizeBytes }) =>
          fileAct(step, { path, expected: sha256, sizeBytes, detection: rule }),
        );
      }
      const path = pathBytes(target.path);
      const expected = (target.sha256 as Sha256 | undefined) ?? null;
      return [fileAct(step, { path, expected, sizeBytes: sight.sizeOf(path) ?? 0, detection: rule })];
    }
    case "verify": {
      const { target } = step;
      if ("from" in target) {
        return [
          { step: step.step, verb: "verify", label: `nothing that ${rule} finds`, check: { kind: "detection", rule } },
        ];
      }
      const sha256 = (target.sha256 as Sha256 | undefined) ?? null;
      const path = pathBytes(target.path);
      return [{ step: step.step, verb: "verify", label: target.path, check: { kind: "path", path, sha256 } }];
    }
  }
}

function lineAct(step: string, entry: { path: Buffer; line: Buffer }): PlannedAct {
  return { step, verb: "persist.removeLine", label: `${pathText(entry.path)}: ${pathText(entry.line)}`, ...entry };
}

function fileAct(
  step: CleanupStep,
  file: { path: Buffer; expected: Sha256 | null; sizeBytes: number; detection: string },
): PlannedAct {
  return { step: step.step, verb: "file.quarantine", label: pathText(file.path), ...file };
}

function isAllowed(step: CleanupStep, path: Buffer): boolean {
  return step.onlyPaths === undefined || step.onlyPaths.some((folder) => isWithin(pathText(path), folder));
}

function distinct<P extends ProcessTarget>(processes: readonly P[]): P[] {
  return [...new Map(processes.map((entry) => [`${entry.pid} ${entry.start}`, entry])).values()];
}

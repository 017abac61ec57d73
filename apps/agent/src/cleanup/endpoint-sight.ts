import { lstatSync } from "node:fs";
import type { VerifiedPattern } from "@tms/patterns";
import { AppError } from "@tms/records";
import { pathText } from "@tms/root-cause";
import type { ScanEngine } from "@tms/scan-engine";
import { ruleSources } from "#app/patterns/index.ts";
import type { FileScanner } from "#app/scan/index.ts";
import type { KnownProcess, Telemetry } from "#app/telemetry/index.ts";
import { openAnchored } from "./anchored.ts";
import type { CleanupSight } from "./plan-cleanup.ts";
import { readAll } from "./remove-line.ts";

const NEWLINE = 0x0a;

/** Reads the endpoint for a cleanup: scans with the pattern's own rules, looks at all processes and crontabs. */
export function createEndpointSight(deps: {
  engine: ScanEngine;
  scanner: FileScanner;
  telemetry: Pick<Telemetry, "lookNow" | "processes">;
  crontabs: readonly Buffer[];
  chainFiles(path: Buffer): readonly string[];
}): (pattern: VerifiedPattern) => Promise<CleanupSight> {
  return async (pattern) => {
    const ruleSet = await deps.engine.load(ruleSources(pattern.manifest.rules));
    const { hits } = await deps.scanner.scan(ruleSet);
    deps.telemetry.lookNow();
    const processes = deps.telemetry.processes;
    return {
      detected: (rule) => hits.filter((hit) => hit.matches.some((match) => match.source === rule)),
      holders: (path) => processes.holdersOf(path).map(targetOf),
      running: (path) =>
        processes
          .all()
          .filter((known) => runs(known, path))
          .map(targetOf),
      crontabLines: () => deps.crontabs.flatMap(linesOf),
      chainFiles: deps.chainFiles,
      sizeOf: (path) => lstatSync(path, { throwIfNoEntry: false })?.size ?? null,
    };
  };
}

function targetOf(known: KnownProcess) {
  return {
    pid: known.stat.pid,
    start: known.stat.startTicks,
    image: known.image,
    name: pathText(Buffer.from(known.stat.comm, "latin1")),
  };
}

function runs(known: KnownProcess, path: Buffer): boolean {
  return known.image?.equals(path) === true || known.argv.slice(1).some((argument) => argument.equals(path));
}

function linesOf(path: Buffer): { path: Buffer; line: Buffer }[] {
  let file: ReturnType<typeof openAnchored>;
  try {
    file = openAnchored(path);
  } catch (error) {
    // A crontab that is not there, or is no file, has no lines.
    if (error instanceof AppError) return [];
    throw error;
  }
  try {
    return splitLines(readAll(file.fd, file.stat.size)).map((line) => ({ path, line }));
  } finally {
    file.close();
  }
}

function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, from);
    const to = end === -1 ? bytes.length : end;
    lines.push(bytes.subarray(from, to > from && bytes[to - 1] === 0x0d ? to - 1 : to));
    from = to + 1;
  }
  return lines;
}

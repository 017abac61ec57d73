import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { pathText, type TelemetryEvent } from "@tms/root-cause";
import type { KnownProcess } from "./process-table.ts";

/** A crontab larger than this is not one. */
const MAX_CRONTAB_BYTES = 1024 * 1024;

export interface CrontabWatch {
  /** Looks at every crontab and tells lines that are new. */
  look(): void;
}

/** Tells the lines of crontabs: those found standing at start, and those added since, with who has the file open. */
export function createCrontabWatch(deps: {
  paths: readonly Buffer[];
  /** Read anew when a line appears: whoever wrote it may have opened the file since the last look. */
  processes: () => KnownProcess[];
  now: () => Date;
  emit: (event: TelemetryEvent) => void;
}): CrontabWatch {
  const known = new Map<string, { signature: string; lines: Set<string> }>();

  function lookAt(path: Buffer): void {
    const text = pathText(path);
    const before = known.get(text);
    const read = readCrontab(path, before?.signature ?? null);
    if (read === "unchanged") return;
    const lines = new Set(read.lines);
    const at = deps.now().toISOString();
    const added = [...lines].filter((line) => !before?.lines.has(line));
    const writers =
      before === undefined || added.length === 0
        ? []
        : deps.processes().filter((entry) => holdsForWriting(entry, path));
    for (const line of added) {
      if (before === undefined) {
        deps.emit({ kind: "persistence", path: text, line, at, sensor: "crontab", quality: "snapshot", process: null });
        continue;
      }
      if (writers.length === 0) {
        deps.emit({ kind: "persistence", path: text, line, at, sensor: "crontab", quality: "observed", process: null });
      }
      for (const { key } of writers) {
        deps.emit({ kind: "persistence", path: text, line, at, sensor: "crontab", quality: "inferred", process: key });
      }
    }
    known.set(text, { signature: read.signature, lines });
  }

  return { look: () => deps.paths.forEach(lookAt) };
}

function holdsForWriting(known: KnownProcess, path: Buffer): boolean {
  return known.descriptors.some((descriptor) => descriptor.canWrite && descriptor.path.equals(path));
}

function readCrontab(path: Buffer, signature: string | null): "unchanged" | { signature: string; lines: string[] } {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    // No crontab is an empty one; it may appear later.
    return signature === "" ? "unchanged" : { signature: "", lines: [] };
  }
  try {
    const stat = fstatSync(fd, { bigint: true });
    const now = [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(" ");
    if (now === signature || !stat.isFile() || stat.size > MAX_CRONTAB_BYTES) return "unchanged";
    const bytes = Buffer.alloc(Number(stat.size));
    const got = readSync(fd, bytes, 0, bytes.length, 0);
    return { signature: now, lines: linesOf(bytes.subarray(0, got)) };
  } finally {
    closeSync(fd);
  }
}

/** Entries as text; blank lines and comments start nothing. */
function linesOf(bytes: Buffer): string[] {
  const lines: string[] = [];
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(0x0a, from);
    const to = end === -1 ? bytes.length : end;
    const hasReturn = to > from && bytes[to - 1] === 0x0d;
    const line = pathText(bytes.subarray(from, hasReturn ? to - 1 : to));
    if (!/^\s*(#|$)/.test(line)) lines.push(line);
    from = to + 1;
  }
  return lines;
}

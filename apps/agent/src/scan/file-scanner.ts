import { AppError, type Clock, type ErrorCode, type Sha256 } from "@tms/records";
import type { Match, RuleSet, ScanEngine } from "@tms/scan-engine";
import type { WatchedPaths } from "#app/telemetry/index.ts";
import { readWholeFile } from "./read-file.ts";
import { type FoundFile, walkFiles } from "./walk-files.ts";

/** Larger files are not scanned, and counted as such. */
const MAX_SCANNED_BYTES = 32 * 1024 * 1024;
const DEADLINE_MS = 10_000;
/** Results kept; a hash and a few names each. */
const MAX_RESULTS = 100_000;
/**
 * A file that changed this shortly before the look is read again at the next one: two changes within one tick of the
 * file system's clock leave the same times. FAT counts in 2 s, Linux before 6.13 in up to 10 ms.
 */
const MAY_CHANGE_UNSEEN_MS = 2000;
/** Says something of the moment and nothing of the file's content: the file is tried again at the next look. */
const PASSING: readonly ErrorCode[] = ["scan.engine_failed", "scan.input_unreadable"];

/**
 * A scan that ran out of time may only have met a busy machine: it is tried again, but not for ever, because a file made to
 * be slow would then cost DEADLINE_MS at each look.
 */
const MAX_TIMEOUTS = 3;

export interface ScanHit {
  path: Buffer;
  sha256: Sha256;
  sizeBytes: number;
  matches: Match[];
}

export interface ScanReport {
  looked: number;
  scanned: number;
  hits: ScanHit[];
  problems: { path: Buffer; code: ErrorCode }[];
  /** Some files were not even looked at: the folders are too deep or hold too many. */
  isCut: boolean;
}

type Result = { sha256: Sha256; matches: Match[] } | { code: ErrorCode };

/**
 * Scans what lies under the watched folders with one rule set. Results are kept by inode and by content: a file that did
 * not change is not read again, and the same bytes under two names are scanned once.
 */
export class FileScanner {
  readonly #engine: ScanEngine;
  readonly #watched: WatchedPaths;
  readonly #clock: Clock;
  readonly #bySignature = new Map<string, Result>();
  readonly #byContent = new Map<string, Match[]>();
  readonly #timeouts = new Map<string, number>();

  constructor(engine: ScanEngine, watched: WatchedPaths, clock: Clock) {
    this.#engine = engine;
    this.#watched = watched;
    this.#clock = clock;
  }

  /** Looks at every file, reads only those that may have changed since the last look with these rules. */
  async scan(rules: RuleSet, signal?: AbortSignal): Promise<ScanReport> {
    const settledMs = this.#clock.now().getTime() - MAY_CHANGE_UNSEEN_MS;
    const { files, isCut } = walkFiles(this.#watched);
    const report: ScanReport = { looked: files.length, scanned: 0, hits: [], problems: [], isCut };
    for (const file of files) {
      if (signal?.aborted) break;
      const key = `${rules.id} ${file.signature} ${file.path.toString("latin1")}`;
      const known = this.#bySignature.get(key);
      const result = known ?? (await this.#scanFile(rules, file));
      if (known === undefined) {
        report.scanned += 1;
        if (!this.#isPassing(key, result) && file.changedMs < settledMs) keep(this.#bySignature, key, result);
      }
      if ("code" in result) report.problems.push({ path: file.path, code: result.code });
      else if (result.matches.length > 0) {
        report.hits.push({
          path: file.path,
          sizeBytes: file.sizeBytes,
          sha256: result.sha256,
          matches: result.matches,
        });
      }
    }
    return report;
  }

  #isPassing(key: string, result: Result): boolean {
    if (!("code" in result)) return false;
    if (result.code !== "scan.timeout") return PASSING.includes(result.code);
    const timeouts = (this.#timeouts.get(key) ?? 0) + 1;
    keep(this.#timeouts, key, timeouts);
    return timeouts < MAX_TIMEOUTS;
  }

  async #scanFile(rules: RuleSet, file: FoundFile): Promise<Result> {
    const read = readWholeFile(file.path, { maxBytes: MAX_SCANNED_BYTES, mayRead: this.#watched.has });
    if (read.kind === "not-read") {
      return { code: read.why === "too-large" ? "scan.too_large" : "scan.input_unreadable" };
    }
    const key = `${rules.id} ${read.sha256}`;
    const known = this.#byContent.get(key);
    if (known !== undefined) return { sha256: read.sha256, matches: known };
    try {
      const limits = { deadlineMs: DEADLINE_MS, maxBytes: MAX_SCANNED_BYTES };
      const matches = await this.#engine.scan(rules, read.bytes, limits);
      keep(this.#byContent, key, matches);
      return { sha256: read.sha256, matches };
    } catch (error) {
      // One file that hangs or kills the scanner must not stop the others; the code is reported.
      if (error instanceof AppError) return { code: error.code };
      throw error;
    }
  }
}

/** A full map forgets its oldest entry. */
function keep<Value>(map: Map<string, Value>, key: string, value: Value): void {
  const oldest = map.size >= MAX_RESULTS ? map.keys().next() : null;
  if (oldest !== null && !oldest.done) map.delete(oldest.value);
  map.set(key, value);
}

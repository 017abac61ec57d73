import { opendir, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError, type Sha256 } from "@tms/records";
import type { RuleSet, ScanEngine } from "@tms/scan-engine";
import { sha256Of } from "@tms/signing";

/** Below this a clean result says nothing. */
export const LEAST_GOODWARE_FILES = 1000;
export const DEFAULT_GOODWARE = ["/usr/bin", "/usr/lib"];
/** How many are scanned unless a person asks for more: a few seconds on two cores. */
export const GOODWARE_FILES = 3000;
/** Known good files are programs and libraries; the few that are larger cost more than they tell. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;
const MAX_LISTED = 200_000;
const FILE_DEADLINE_MS = 5000;

export interface GoodwareResult {
  files: number;
  hits: number;
  /** Over the paths and sizes of the set, so that two results can be told to be about the same files. */
  setDigest: Sha256;
  hitFiles: { path: string; rules: string[] }[];
}

/**
 * Scans known good files with the rules.
 *
 * @throws {AppError} `pattern.goodware_too_small` below 1,000 files.
 */
export async function scanGoodware(
  engine: ScanEngine,
  rules: RuleSet,
  set: { directories: string[]; maxFiles: number; signal: AbortSignal },
): Promise<GoodwareResult> {
  const files = spread(await filesBelow(set.directories), set.maxFiles);
  if (files.length < LEAST_GOODWARE_FILES) {
    throw new AppError("pattern.goodware_too_small", { files: files.length, directories: set.directories });
  }
  const hitFiles: GoodwareResult["hitFiles"] = [];
  for (const file of files) {
    set.signal.throwIfAborted();
    const matches = await engine.scan(rules, file.path, { deadlineMs: FILE_DEADLINE_MS, maxBytes: MAX_FILE_BYTES });
    if (matches.length > 0) hitFiles.push({ path: file.path, rules: matches.map((match) => match.rule) });
  }
  const setDigest = sha256Of(files.map((file) => `${file.path}\n${file.sizeBytes}\n`).join(""));
  return { files: files.length, hits: hitFiles.length, setDigest, hitFiles };
}

interface GoodFile {
  path: string;
  sizeBytes: number;
}

async function filesBelow(directories: string[]): Promise<GoodFile[]> {
  const files: GoodFile[] = [];
  const waiting = [...directories];
  for (let next = waiting.pop(); next !== undefined && files.length < MAX_LISTED; next = waiting.pop()) {
    const directory = next;
    for await (const entry of await openDirectory(directory)) {
      const path = join(directory, entry.name);
      // Links are passed over: what they lead to is listed where it stands.
      if (entry.isDirectory()) waiting.push(path);
      if (!entry.isFile()) continue;
      const { size } = await stat(path);
      if (size > 0 && size <= MAX_FILE_BYTES) files.push({ path, sizeBytes: size });
    }
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function openDirectory(path: string) {
  try {
    return await opendir(path);
  } catch (error) {
    throw new AppError("cli.input_unreadable", { path }, { cause: error });
  }
}

/** Evenly over the sorted list, so that the same machine gives the same set. */
function spread(files: GoodFile[], max: number): GoodFile[] {
  if (files.length <= max) return files;
  return Array.from({ length: max }, (_, index) => files[Math.floor((index * files.length) / max)]).filter(
    (file) => file !== undefined,
  );
}

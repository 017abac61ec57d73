import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError, type Sha256 } from "@tms/records";
import type { RuleSet, ScanEngine } from "@tms/scan-engine";
import { sha256Of } from "@tms/signing";

/** Below this a clean result says nothing. */
export const LEAST_GOODWARE_FILES = 1000;
export const DEFAULT_GOODWARE = ["/usr/bin", "/usr/lib"];
/** How many are scanned unless a person asks for more: some seconds even on two busy cores. */
export const GOODWARE_FILES = 1100;
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
  const files = await chosenFiles(await namesBelow(set.directories), set.maxFiles);
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

/** Regular files by name alone; what is larger than the bound is left out when its size is known. */
async function namesBelow(directories: string[]): Promise<string[]> {
  const files: string[] = [];
  const waiting = [...directories];
  for (let next = waiting.pop(); next !== undefined && files.length < MAX_LISTED; next = waiting.pop()) {
    for (const entry of await entriesOf(next)) {
      const path = join(next, entry.name);
      // Links are passed over: what they lead to is listed where it stands.
      if (entry.isDirectory()) waiting.push(path);
      if (entry.isFile()) files.push(path);
    }
  }
  return files.sort();
}

async function entriesOf(path: string) {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    throw new AppError("cli.input_unreadable", { path }, { cause: error });
  }
}

/** Evenly over the sorted list, so that the same machine gives the same set; a file too large gives way to the next. */
async function chosenFiles(names: string[], max: number): Promise<GoodFile[]> {
  const files: GoodFile[] = [];
  const stride = Math.max(1, names.length / max);
  for (let slot = 0; slot < max && Math.floor(slot * stride) < names.length; slot += 1) {
    const file = await firstFit(names.slice(Math.floor(slot * stride), Math.floor((slot + 1) * stride)));
    if (file !== null) files.push(file);
  }
  return files;
}

async function firstFit(names: string[]): Promise<GoodFile | null> {
  for (const path of names) {
    const { size } = await stat(path);
    if (size > 0 && size <= MAX_FILE_BYTES) return { path, sizeBytes: size };
  }
  return null;
}

import { type Dirent, lstatSync, readdirSync } from "node:fs";
import type { WatchedPaths } from "#app/telemetry/index.ts";

/** Bounds of one walk; a deliberately deep or crowded folder must not hold the agent. */
const MAX_DEPTH = 32;
const MAX_FILES = 200_000;

export interface FoundFile {
  path: Buffer;
  /** Device, inode, size and both times: another content shows in it, unless it came in the same tick of the clock. */
  signature: string;
  /** Of the inode's change time, which no program can set. */
  changedMs: number;
  sizeBytes: number;
}

export interface Walk {
  files: FoundFile[];
  /** True when a bound was reached: some files were not looked at. */
  isCut: boolean;
}

/** Finds the regular files below the watched folders. Names are bytes; links and special files are not followed. */
export function walkFiles(watched: WatchedPaths): Walk {
  const walk: Walk = { files: [], isCut: false };
  for (const folder of watched.folders) walkFolder(folder, { depth: 0, walk, watched });
  return walk;
}

function walkFolder(folder: Buffer, at: { depth: number; walk: Walk; watched: WatchedPaths }): void {
  if (at.watched.isOwn(folder)) return;
  if (at.depth > MAX_DEPTH) {
    at.walk.isCut = true;
    return;
  }
  for (const entry of entriesOf(folder)) {
    if (at.walk.files.length >= MAX_FILES) {
      at.walk.isCut = true;
      return;
    }
    const path = Buffer.concat([folder, Buffer.from("/"), entry.name]);
    if (entry.isDirectory()) walkFolder(path, { ...at, depth: at.depth + 1 });
    else if (entry.isFile()) keepFile(path, at.walk);
  }
}

function entriesOf(folder: Buffer): Dirent<Buffer>[] {
  try {
    return readdirSync(folder, { encoding: "buffer", withFileTypes: true });
  } catch {
    // Gone, or not ours to read: the next walk sees it again.
    return [];
  }
}

function keepFile(path: Buffer, walk: Walk): void {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile()) return;
  const signature = [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(".");
  walk.files.push({ path, signature, changedMs: Number(stat.ctimeMs), sizeBytes: Number(stat.size) });
}

import { basename, join } from "node:path";
import type { BatchHeader } from "@tms/contracts/link";
import type { Epoch, Sha256 } from "@tms/records";
import { writeDurably } from "../../authority/private-file.ts";
import { isGap, parseBatchHeader } from "../../batch/batch-header.ts";
import { BATCH_LIMITS } from "../../batch/batch-limits.ts";
import type { SealedBatch } from "../../batch/seal-batch.ts";
import type { Disk } from "../../disk/disk.ts";
import type { DurableDirectories } from "../../disk/durable-directories.ts";

/** One sealed batch on disk. */
export interface BatchFile {
  path: string;
  header: BatchHeader;
  digest: Sha256;
  sizeBytes: number;
  /** When it was sealed, or acknowledged. */
  touchedAt: Date;
}

/** Where one stream lies. */
export interface SpoolPlace {
  disk: Disk;
  directories: DurableDirectories;
  directory: string;
}

const NAME = /^(\d{16})\.([0-9a-f]{64})\.batch$/;

export function directoryOfEpoch(directory: string, epoch: Epoch): string {
  return join(directory, "batches", epoch);
}

/** Number of the first record of a batch file, by its name: it holds although its bytes may not. */
export function firstOf(path: string): number {
  return Number(NAME.exec(basename(path))?.[1] ?? 0);
}

/** Writes a sealed batch: fsync, rename, fsync of the directory. Only then may its first byte leave. */
export async function writeBatchFile(
  { disk, directories, directory }: SpoolPlace,
  sealed: SealedBatch,
  now: Date,
): Promise<BatchFile> {
  const folder = directoryOfEpoch(directory, sealed.header.epoch);
  await directories.make(folder);
  const path = join(folder, `${String(sealed.header.first).padStart(16, "0")}.${sealed.digest}.batch`);
  await writeDurably(path, sealed.bytes, disk);
  return {
    path,
    header: sealed.header,
    digest: sealed.digest,
    sizeBytes: sealed.bytes.length,
    touchedAt: now,
  };
}

/** The sealed batches of an epoch, by number; where a gap batch replaced one, only the gap batch. */
export async function listBatchFiles({ disk, directories, directory }: SpoolPlace, epoch: Epoch): Promise<BatchFile[]> {
  const folder = directoryOfEpoch(directory, epoch);
  await directories.make(folder);
  const found: BatchFile[] = [];
  for (const name of (await disk.list(folder)).sort()) {
    const matched = NAME.exec(name);
    // What is not a finished name is what a crash left of one.
    const file = matched === null ? null : await describe(disk, join(folder, name), matched[2] as Sha256);
    if (file === null) await disk.remove(join(folder, name));
    else found.push(file);
  }
  const kept = found.filter((file) => isGap(file.header) || !found.some((other) => replaces(other, file)));
  for (const file of found) if (!kept.includes(file)) await disk.remove(file.path);
  return kept.sort((a, b) => a.header.first - b.header.first);
}

/** Removes what a crash left of epochs that ended, except what is still to be carried over. */
export async function removeEndedEpochs(
  { disk, directories, directory }: SpoolPlace,
  state: { epoch: Epoch; carry: readonly string[] },
): Promise<void> {
  const all = join(directory, "batches");
  await directories.make(all);
  for (const name of await disk.list(all)) {
    const carried = state.carry.some((path) => path.startsWith(join(all, name)));
    if (name !== state.epoch && !carried) await disk.remove(join(all, name));
  }
}

/** Marks the time of acknowledgement in the file's own time. */
export async function touch(disk: Disk, file: BatchFile, now: Date): Promise<void> {
  file.touchedAt = now;
  await disk.setModified(file.path, now);
}

export async function removeBatchFile({ disk, directory }: SpoolPlace, file: BatchFile): Promise<void> {
  await disk.remove(file.path);
  await disk.syncDirectory(directoryOfEpoch(directory, file.header.epoch));
}

function replaces(other: BatchFile, file: BatchFile): boolean {
  return other !== file && isGap(other.header) && other.header.gap.resumes === file.digest;
}

async function describe(disk: Disk, path: string, digest: Sha256): Promise<BatchFile | null> {
  const file = await disk.open(path, "read");
  try {
    const start = await file.readStart(BATCH_LIMITS.headerBytes);
    const end = start.indexOf(10);
    const parsed = end < 0 ? null : parseBatchHeader(start.subarray(0, end), BATCH_LIMITS);
    if (parsed === null || !parsed.ok) return null;
    const { sizeBytes, modifiedAt } = await disk.stat(path);
    return { path, header: parsed.header, digest, sizeBytes, touchedAt: modifiedAt };
  } finally {
    await file.close();
  }
}

import { join } from "node:path";
import type { BatchHeader } from "@tms/contracts/link";
import type { Epoch, Sha256 } from "@tms/records";
import { writeDurably } from "../../authority/private-file.ts";
import { isGap, parseBatchHeader } from "../../batch/batch-header.ts";
import { BATCH_LIMITS } from "../../batch/batch-limits.ts";
import type { SealedBatch } from "../../batch/seal-batch.ts";
import type { Disk } from "../../disk/disk.ts";
import type { SpoolPlace } from "./spool-place.ts";
import type { CarryRange, SpoolState } from "./spool-state.ts";

/** One sealed batch on disk. */
export interface BatchFile {
  path: string;
  header: BatchHeader;
  digest: Sha256;
  sizeBytes: number;
  /** When it was sealed, or acknowledged. */
  touchedAt: Date;
}

const NAME = /^(\d{16})\.([0-9a-f]{64})\.batch$/;

export function directoryOfEpoch(directory: string, epoch: Epoch): string {
  return join(directory, "batches", epoch);
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

/**
 * The batches of epochs that ended, oldest epoch first: those that were acknowledged and those that are still to be
 * carried over. What a crash left of others is removed.
 */
export async function listEndedFiles(
  place: SpoolPlace,
  state: Pick<SpoolState, "epoch" | "ended" | "carry">,
): Promise<BatchFile[]> {
  const { disk, directories, directory } = place;
  const all = join(directory, "batches");
  await directories.make(all);
  const found = new Map<string, BatchFile[]>();
  for (const name of await disk.list(all)) {
    if (name === state.epoch) continue;
    const files = await listBatchFiles(place, name as Epoch);
    const ackedTo = state.ended.find((one) => one.epoch === name)?.ackedTo ?? 0;
    const kept = files.filter((file) => file.header.first < ackedTo || state.carry.some((range) => holds(range, file)));
    for (const file of files) if (!kept.includes(file)) await disk.remove(file.path);
    if (kept.length > 0) found.set(name, kept);
    else await removeEpoch(place, name as Epoch);
  }
  const order = [...new Set([...state.ended, ...state.carry].map((one) => one.epoch as string))];
  return order.flatMap((epoch) => found.get(epoch) ?? []);
}

/** Whether a batch has numbers of the range. */
export function holds({ epoch, from, to }: CarryRange, { header }: BatchFile): boolean {
  return header.epoch === epoch && header.first < to && header.first + header.count > from;
}

export async function removeEpoch({ disk, directories, directory }: SpoolPlace, epoch: Epoch): Promise<void> {
  await disk.remove(directoryOfEpoch(directory, epoch));
  directories.forget(directoryOfEpoch(directory, epoch));
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

/** What the batch after it continues. */
export function headAfter(file: Pick<BatchFile, "header" | "digest">): Sha256 {
  return isGap(file.header) ? (file.header.gap.resumes ?? file.digest) : file.digest;
}

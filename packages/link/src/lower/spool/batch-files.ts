import { mkdir, open, readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { BatchHeader } from "@tms/contracts/link";
import type { Epoch, Sha256 } from "@tms/records";
import { syncDirectory, writeDurably } from "../../authority/private-file.ts";
import { isGap, parseBatchHeader } from "../../batch/batch-header.ts";
import { BATCH_LIMITS } from "../../batch/batch-limits.ts";
import type { SealedBatch } from "../../batch/seal-batch.ts";

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
export async function writeBatchFile(directory: string, sealed: SealedBatch): Promise<BatchFile> {
  const folder = directoryOfEpoch(directory, sealed.header.epoch);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `${String(sealed.header.first).padStart(16, "0")}.${sealed.digest}.batch`);
  await writeDurably(path, sealed.bytes);
  return {
    path,
    header: sealed.header,
    digest: sealed.digest,
    sizeBytes: sealed.bytes.length,
    touchedAt: new Date(),
  };
}

/** The sealed batches of an epoch, by number; where a gap batch replaced one, only the gap batch. */
export async function listBatchFiles(directory: string, epoch: Epoch): Promise<BatchFile[]> {
  const folder = directoryOfEpoch(directory, epoch);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found: BatchFile[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const matched = NAME.exec(name);
    // What is not a finished name is what a crash left of one.
    const file = matched === null ? null : await describe(join(folder, name), matched[2] as Sha256);
    if (file === null) await rm(join(folder, name), { force: true });
    else found.push(file);
  }
  const kept = found.filter((file) => isGap(file.header) || !found.some((other) => replaces(other, file)));
  for (const file of found) if (!kept.includes(file)) await rm(file.path, { force: true });
  return kept.sort((a, b) => a.header.first - b.header.first);
}

/** Removes what a crash left of epochs that ended, except what is still to be carried over. */
export async function removeEndedEpochs(
  directory: string,
  state: { epoch: Epoch; carry: readonly string[] },
): Promise<void> {
  const all = join(directory, "batches");
  await mkdir(all, { recursive: true, mode: 0o700 });
  for (const name of await readdir(all)) {
    const carried = state.carry.some((path) => path.startsWith(join(all, name)));
    if (name !== state.epoch && !carried) await rm(join(all, name), { recursive: true, force: true });
  }
}

/** Marks the time of acknowledgement in the file's own time. */
export async function touch(file: BatchFile, now: Date): Promise<void> {
  file.touchedAt = now;
  await utimes(file.path, now, now);
}

export async function removeBatchFile(file: BatchFile, directory: string): Promise<void> {
  await rm(file.path, { force: true });
  await syncDirectory(directoryOfEpoch(directory, file.header.epoch));
}

export async function readBatchBytes(file: Pick<BatchFile, "path">): Promise<Buffer> {
  return readFile(file.path);
}

function replaces(other: BatchFile, file: BatchFile): boolean {
  return other !== file && isGap(other.header) && other.header.gap.resumes === file.digest;
}

async function describe(path: string, digest: Sha256): Promise<BatchFile | null> {
  const handle = await open(path, "r");
  try {
    const start = Buffer.alloc(BATCH_LIMITS.headerBytes);
    const { bytesRead } = await handle.read(start, 0, start.length, 0);
    const end = start.subarray(0, bytesRead).indexOf(10);
    const parsed = end < 0 ? null : parseBatchHeader(start.subarray(0, end), BATCH_LIMITS);
    if (parsed === null || !parsed.ok) return null;
    const { size, mtime } = await stat(path);
    return { path, header: parsed.header, digest, sizeBytes: size, touchedAt: mtime };
  } finally {
    await handle.close();
  }
}

import { AppError, type Clock } from "@tms/records";
import { type GapBatchHeader, isGap } from "../../batch/batch-header.ts";
import { type ReadBatch, readBatch } from "../../batch/read-batch.ts";
import type { Disk } from "../../disk/disk.ts";
import type { BatchFile } from "./batch-files.ts";
import type { SpoolLimits } from "./spool-port.ts";
import type { CarryRange } from "./spool-state.ts";

type Gap = { count: number } & GapBatchHeader["gap"];

/** What one batch of the new epoch takes over. */
export interface CarriedPart {
  content: { kind: "records"; lines: string[] } | { kind: "gap"; gap: Gap };
  /** Number after it, in the ended epoch. */
  end: number;
}

/**
 * The next part of a range of an ended epoch: records of several batches up to the limits of one, so that what was sent
 * bit by bit is not sealed bit by bit again. Numbers that nobody keeps become a gap, `upper-lost`; a batch that no longer
 * decodes one, `disk-failed`.
 */
export async function nextCarried(
  range: CarryRange,
  files: readonly BatchFile[],
  how: { disk: Disk; clock: Clock; limits: Pick<SpoolLimits, "sealRecords" | "sealPlainBytes"> },
): Promise<CarriedPart> {
  const now = how.clock.now().toISOString();
  const lost = (end: number, cause: "upper-lost" | "disk-failed"): CarriedPart => {
    const to = Math.max(range.from + 1, Math.min(end, range.to));
    const gap = { count: to - range.from, cause, from: now, to: now, resumes: null };
    return { content: { kind: "gap", gap }, end: to };
  };
  const lines: string[] = [];
  let bytes = 0;
  let at = range.from;
  for (const file of files) {
    const { first, count } = file.header;
    if (first + count <= at) continue;
    if (first > at) break;
    const batch = await readOrNull(how.disk, file);
    if (lines.length === 0 && batch === null) return lost(first + count, "disk-failed");
    if (lines.length === 0 && batch !== null && isGap(batch.header)) {
      const gap = { ...batch.header.gap, count: first + count - at, resumes: null };
      return { content: { kind: "gap", gap }, end: first + count };
    }
    if (batch === null || isGap(batch.header)) break;
    const size = batch.header.plainBytes;
    const fits = lines.length + count <= how.limits.sealRecords && bytes + size <= how.limits.sealPlainBytes;
    if (lines.length > 0 && !fits) break;
    for (const line of batch.lines) lines.push(line);
    bytes += size;
    at = first + count;
  }
  if (lines.length > 0) return { content: { kind: "records", lines }, end: at };
  const next = files.find((file) => file.header.first > range.from);
  return lost(next?.header.first ?? range.to, "upper-lost");
}

async function readOrNull(disk: Disk, file: BatchFile): Promise<ReadBatch | null> {
  try {
    const batch = await readBatch(await disk.read(file.path));
    return batch.digest === file.digest ? batch : null;
  } catch (error) {
    // Its bytes are not what was sealed, or its name is all that is left: its records are lost here, and that is told.
    if (error instanceof AppError || (error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

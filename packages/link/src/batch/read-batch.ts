import type { BatchHeader } from "@tms/contracts/link";
import { AppError, type Sha256 } from "@tms/records";
import { isGap } from "./batch-header.ts";
import { BATCH_LIMITS } from "./batch-limits.ts";
import { BatchScanner } from "./batch-scanner.ts";

export interface ReadBatch {
  header: BatchHeader;
  digest: Sha256;
  /** The records as they were sent, one JSON text each; empty for a gap batch. */
  lines: string[];
}

/**
 * Reads a whole batch that lies in memory.
 *
 * @throws {AppError} `batch.rejected` or `batch.too_large` for its header, `batch.unreadable` for its body.
 */
export async function readBatch(bytes: Buffer): Promise<ReadBatch> {
  const plain: Buffer[] = [];
  const scanner = new BatchScanner(BATCH_LIMITS, (chunk) => plain.push(chunk));
  await scanner.push(bytes);
  const scanned = await scanner.finish();
  if (scanned.problem !== null || scanned.header === null) {
    throw new AppError(scanned.problem ?? "batch.rejected", { bytes: bytes.length });
  }
  if (!scanned.readable) throw new AppError("batch.unreadable", { digest: scanned.digest });
  if (isGap(scanned.header)) return { header: scanned.header, digest: scanned.digest, lines: [] };
  const lines = Buffer.concat(plain).toString("utf8").split("\n");
  lines.pop();
  return { header: scanned.header, digest: scanned.digest, lines };
}

import { createHash } from "node:crypto";
import { constants, zstdCompressSync } from "node:zlib";
import { BATCH_VERSION, type BatchHeader } from "@tms/contracts/link";
import { AppError, type Epoch, type Sha256, type Stream } from "@tms/records";
import type { GapBatchHeader } from "./batch-header.ts";
import { BATCH_LIMITS } from "./batch-limits.ts";

export interface BatchPlace {
  stream: Stream;
  epoch: Epoch;
  /** Number of the first record. */
  first: number;
  /** Digest of the batch before; null on the first of an epoch. */
  previous: Sha256 | null;
}

export interface SealedBatch {
  header: BatchHeader;
  bytes: Buffer;
  digest: Sha256;
}

/** zstd-3: 6:1 on our records at more than 160 MB/s; higher levels cost three times as much for a tenth less. */
const LEVEL = 3;

/**
 * Makes the one file that a batch is: header line, then one zstd frame with checksum.
 *
 * @param lines One JSON record each, without newline.
 * @throws {AppError} `batch.too_large` if the lines are over the limits of `link/1`; seal fewer.
 */
export function sealBatch(place: BatchPlace, lines: readonly string[]): SealedBatch {
  const body = Buffer.from(`${lines.join("\n")}\n`, "utf8");
  if (lines.length === 0 || lines.length > BATCH_LIMITS.records || body.length > BATCH_LIMITS.plainBytes) {
    throw new AppError("batch.too_large", { records: lines.length, plainBytes: body.length });
  }
  const header: BatchHeader = { v: BATCH_VERSION, ...placeOf(place), count: lines.length, plainBytes: body.length };
  const frame = zstdCompressSync(body, {
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
    pledgedSrcSize: body.length,
  });
  return finish(header, frame);
}

/** Makes a gap batch: it has no body, consumes its numbers, and says why they carry nothing. */
export function sealGap(place: BatchPlace, gap: { count: number } & GapBatchHeader["gap"]): SealedBatch {
  const { count, ...reason } = gap;
  return finish({ v: BATCH_VERSION, ...placeOf(place), count, plainBytes: 0, gap: reason }, Buffer.alloc(0));
}

export function sha256Of(bytes: Uint8Array): Sha256 {
  return createHash("sha256").update(bytes).digest("hex") as Sha256;
}

function placeOf(place: BatchPlace) {
  return { stream: place.stream, epoch: place.epoch, first: place.first, previous: place.previous };
}

function finish(header: BatchHeader, frame: Buffer): SealedBatch {
  const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`, "utf8"), frame]);
  return { header, bytes, digest: sha256Of(bytes) };
}

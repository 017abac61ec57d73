import { type BatchHeader, batchHeaderSchema } from "@tms/contracts/link";
import type { ErrorCode } from "@tms/records";
import type { BatchLimits } from "./batch-limits.ts";

export type HeaderResult = { ok: true; header: BatchHeader } | { ok: false; code: ErrorCode };

/** Parses the plain line before the frame (without its newline); over a limit or malformed is one outcome: rejected. */
export function parseBatchHeader(line: Uint8Array, limits: BatchLimits): HeaderResult {
  if (line.length + 1 > limits.headerBytes) return { ok: false, code: "batch.rejected" };
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(line));
  } catch {
    // Not UTF-8 or not JSON: the sender is told with the same code as for every other malformed header.
    return { ok: false, code: "batch.rejected" };
  }
  const parsed = batchHeaderSchema.safeParse(value);
  if (!parsed.success) return { ok: false, code: "batch.rejected" };
  const header = parsed.data;
  if (!Number.isSafeInteger(header.first + header.count)) return { ok: false, code: "batch.rejected" };
  if (isGap(header)) return { ok: true, header };
  if (header.plainBytes > limits.plainBytes) return { ok: false, code: "batch.too_large" };
  if (header.count > limits.records) return { ok: false, code: "batch.rejected" };
  return { ok: true, header };
}

export type GapBatchHeader = Extract<BatchHeader, { plainBytes: 0 }>;

/** Whether the header is that of a gap batch, which has no body. */
export function isGap(header: BatchHeader): header is GapBatchHeader {
  return "gap" in header;
}

/** The name of a batch over SFTP; it states the digest and agrees with the header. */
export function batchName(header: BatchHeader, digest: string): string {
  return `${header.stream}.${header.epoch}.${header.first}.${digest}`;
}

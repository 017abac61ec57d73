import type { Epoch, Sha256, Stream } from "@tms/records";
import { sha256Of } from "./digest.ts";

/** One batch in a completeness certificate. */
export interface CertifiedBatch {
  stream: Stream;
  epoch: Epoch;
  first: number;
  count: number;
  kind: "records" | "unreadable" | "gap";
  /** SHA-256 of the batch as it was sent. */
  digest: Sha256;
  /** What the next batch continues: `digest`, or what a gap batch resumes. */
  head: Sha256;
  /** By the portal's clock, RFC 3339. */
  receivedAt: string;
  /** Of a gap: why and for which time, in the sender's words. */
  gap: { cause: string; from: string; to: string } | null;
}

/** The hash of a batch's line covers the one before it and the line's own fields, so that no line can be left out. */
export function certifiedBatchHash(previous: Sha256 | null, batch: CertifiedBatch): Sha256 {
  const { stream, epoch, first, count, kind, digest, head, receivedAt, gap } = batch;
  const why = gap === null ? null : [gap.cause, gap.from, gap.to];
  return sha256Of(JSON.stringify([previous, stream, epoch, first, count, kind, digest, head, receivedAt, why]));
}

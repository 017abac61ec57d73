import { z } from "zod";
import { countSchema, epochSchema, instantSchema, sha256Schema } from "../scalars.ts";
import { positionSchema, streamSchema } from "./heartbeat.ts";

export const BATCH_VERSION = 1;

/** Causes of a gap batch: why its numbers carry no records. */
export const GAP_CAUSES = [
  "spool-full",
  "rejected",
  "upper-lost",
  "sending-disabled",
  "lower-gap",
  "disk-failed",
] as const;

const common = {
  v: z.literal(BATCH_VERSION),
  stream: streamSchema,
  epoch: epochSchema,
  first: countSchema,
  count: z.int().min(1).max(1_000_000_000),
  /** Digest of the batch before it; null on the first of an epoch. */
  previous: sha256Schema.nullable(),
};

/** The one plain JSON line before the zstd frame. */
export const recordBatchHeaderSchema = z.strictObject({
  ...common,
  plainBytes: z
    .int()
    .min(1)
    .max(64 * 1024 * 1024),
});

/** A batch without a body that consumes its numbers and says why they carry nothing. */
export const gapBatchHeaderSchema = z.strictObject({
  ...common,
  plainBytes: z.literal(0),
  gap: z.strictObject({
    cause: z.enum(GAP_CAUSES),
    from: instantSchema,
    to: instantSchema,
    /** Digest of the last sealed batch dropped; `head` becomes this, or the gap batch's own digest when null. */
    resumes: sha256Schema.nullable(),
  }),
});

export const batchHeaderSchema = z.union([recordBatchHeaderSchema, gapBatchHeaderSchema]);
export type BatchHeader = z.infer<typeof batchHeaderSchema>;

export const BATCH_OUTCOMES = ["accepted", "duplicate", "damaged", "rejected", "gap", "fork", "epoch-unknown"] as const;
export const batchAnswerSchema = z.object({
  outcome: z.enum(BATCH_OUTCOMES),
  /** Present on every outcome but accepted and duplicate. */
  code: z.string().max(64).optional(),
  cure: z.string().max(300).optional(),
  /** null when the epoch is unknown and nothing was ever received. */
  position: positionSchema.nullable(),
});
export type BatchAnswer = z.infer<typeof batchAnswerSchema>;

import { z } from "zod";
import {
  base64Schema,
  caseIdSchema,
  customerIdSchema,
  endpointIdSchema,
  instantSchema,
  packageIdSchema,
  patternIdSchema,
  sha256Schema,
  threatIdSchema,
} from "../scalars.ts";

/** The mitigator's signed "our site allows this"; verified over the stored bytes before it is parsed. */
export const consentSchema = z.object({
  schema: z.literal("tms.consent/1"),
  customer: customerIdSchema,
  /** SHA-256 of the pattern target. */
  targetDigest: sha256Schema,
  planDigest: sha256Schema,
  endpoints: z.array(endpointIdSchema).min(1).max(100_000),
  expiresAt: instantSchema,
});
export type Consent = z.infer<typeof consentSchema>;

/** Stored bytes and a signature over exactly these bytes (Ed25519, both base64). */
export const signedBytesSchema = z.object({
  bytes: base64Schema.max(4_000_000),
  keyId: sha256Schema,
  signature: base64Schema.max(128),
});
export type SignedBytes = z.infer<typeof signedBytesSchema>;

export const scanOrderSchema = z.object({ paths: z.array(z.string().max(4096)).max(64) });

export const collectOrderSchema = z.object({
  case: caseIdSchema,
  package: packageIdSchema,
  threats: z.array(threatIdSchema).min(1).max(100),
  maxBytes: z.int().min(1024),
});
export type CollectOrder = z.infer<typeof collectOrderSchema>;

export const applyPatternOrderSchema = z.object({
  pattern: patternIdSchema,
  version: z.int().min(1),
  /** TUF target path, as `custom-act/CP-….json`. */
  target: z
    .string()
    .max(200)
    .regex(/^(custom-act|custom-detect|regular)\/[A-Za-z0-9._-]{1,120}$/),
  consent: signedBytesSchema,
});
export type ApplyPatternOrder = z.infer<typeof applyPatternOrderSchema>;

export const undoOrderSchema = z.object({ pattern: patternIdSchema, version: z.int().min(1) });
export type UndoOrder = z.infer<typeof undoOrderSchema>;

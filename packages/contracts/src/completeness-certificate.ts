import { STREAMS } from "@tms/records";
import { z } from "zod";
import { streamSchema } from "./link/heartbeat.ts";
import {
  base64Schema,
  countSchema,
  customerIdSchema,
  epochSchema,
  instantSchema,
  productIdSchema,
  sha256Schema,
} from "./scalars.ts";

// The signed completeness certificate, `tms.completeness/1`: a file of lines. The first holds the portal's signed
// statement and the certificates that lead from its key to the portal's CA; each further line is one batch that arrived
// in the period, hash-chained, and the statement signs the last hash. `docs/how-to/verify-completeness.md` tells it.

/** The name that a certificate must hold for its key to sign statements of a portal; no product's certificate does. */
export const STATEMENTS_URI = "urn:tms:portal:statements";
export const COMPLETENESS_SCHEMA = "tms.completeness/1";

export const completenessFirstLineSchema = z.strictObject({
  schema: z.literal(COMPLETENESS_SCHEMA),
  statement: z.strictObject({
    /** `completenessStatementSchema` as JSON, base64: exactly what was signed. */
    bytes: base64Schema,
    keyId: sha256Schema,
    signature: base64Schema.max(128),
  }),
  /** PEM: of the signing key, then of the portal's CA. */
  certificates: z.tuple([z.string().max(10_000), z.string().max(10_000)]),
});

export const certifiedBatchSchema = z.strictObject({
  stream: streamSchema,
  epoch: epochSchema,
  first: countSchema,
  count: z.int().min(1),
  kind: z.enum(["records", "unreadable", "gap"]),
  digest: sha256Schema,
  head: sha256Schema,
  receivedAt: instantSchema,
  gap: z.strictObject({ cause: z.string().min(1).max(64), from: instantSchema, to: instantSchema }).nullable(),
  hash: sha256Schema,
});

/** Numbers that carry no records here, and why. */
const certifiedLossSchema = z.strictObject({
  cause: z.string().min(1).max(64),
  first: countSchema,
  count: z.int().min(1),
  from: instantSchema,
  to: instantSchema,
});

const certifiedEpochSchema = z.strictObject({
  epoch: epochSchema,
  /** Where the period's batches begin, and the digest that the first of them continues. */
  first: countSchema,
  previous: sha256Schema.nullable(),
  /** Number after the last of them, and the digest that whatever follows continues. */
  next: countSchema,
  head: sha256Schema.nullable(),
  batches: countSchema,
  /** next - first + lost at the epoch's end = received + unreadable + erased + lost. */
  received: countSchema,
  /** Parts of `received`. */
  repeated: countSchema,
  keptAside: countSchema,
  notYetIndexed: countSchema,
  unreadable: countSchema,
  erased: countSchema,
  lost: z.array(certifiedLossSchema),
  /** Between the period's end and what the sender signed. */
  afterwards: z.strictObject({
    arrived: countSchema,
    head: sha256Schema.nullable(),
    waiting: countSchema,
    lost: countSchema,
  }),
  /** The sender's own word: signed by its signing key over `positionText`. */
  sender: z.strictObject({
    sealedTo: countSchema,
    head: sha256Schema.nullable(),
    signature: base64Schema.max(128),
    /** SPKI, DER, base64. */
    signingKey: base64Schema.max(200),
    saidAt: instantSchema,
  }),
});
export type CertifiedEpoch = z.infer<typeof certifiedEpochSchema>;

export const completenessSumsSchema = z.strictObject({
  /** received + unreadable + lost + erased */
  sealed: countSchema,
  received: countSchema,
  unreadable: countSchema,
  lost: countSchema,
  erased: countSchema,
  /** Sealed by the sender and not sent yet; it is not missing. */
  waiting: countSchema,
});
export type CompletenessSums = z.infer<typeof completenessSumsSchema>;

/** What the portal signs. */
export const completenessStatementSchema = z.strictObject({
  schema: z.literal("tms.completeness-statement/1"),
  portal: z.string().max(120),
  customer: z.strictObject({ id: customerIdSchema, name: z.string().max(120) }),
  product: z.strictObject({ id: productIdSchema, name: z.string().max(255) }),
  from: instantSchema,
  to: instantSchema,
  madeAt: instantSchema,
  /** Every stream once, also one without anything. */
  streams: z
    .array(z.strictObject({ stream: streamSchema, epochs: z.array(certifiedEpochSchema) }))
    .length(STREAMS.length),
  sums: completenessSumsSchema,
  batches: countSchema,
  /** Hash of the last batch line; null if there is none. */
  head: sha256Schema.nullable(),
});
export type CompletenessStatement = z.infer<typeof completenessStatementSchema>;

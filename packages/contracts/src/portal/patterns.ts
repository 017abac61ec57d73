import { DEPLOYMENT_STATES, PATTERN_STATES } from "@tms/records";
import { z } from "zod";
import { pageOf, pageQuerySchema, READ_LIMIT } from "../console.ts";
import { stepResultSchema } from "../link/records.ts";
import { route } from "../route.ts";
import {
  base64Schema,
  caseIdSchema,
  countSchema,
  customerIdSchema,
  endpointIdSchema,
  instantSchema,
  nameSchema,
  patternIdSchema,
  sha256Schema,
} from "../scalars.ts";

const EXPERT = { kind: "session", roles: ["expert", "administrator"] } as const;

export const patternRowSchema = z.object({
  customer: z.object({ id: customerIdSchema, name: nameSchema }),
  id: patternIdSchema,
  version: countSchema,
  title: z.string(),
  role: z.enum(["custom-act", "custom-detect", "regular"]),
  case: z.object({ id: caseIdSchema, shortId: z.string() }).nullable(),
  state: z.enum(PATTERN_STATES),
  stateSince: instantSchema,
  digest: sha256Schema,
  planDigest: sha256Schema,
  signaturesGiven: countSchema,
  signaturesNeeded: countSchema,
  endpoints: countSchema,
});
export type PatternRow = z.infer<typeof patternRowSchema>;

/** The last line of `tms pattern check`, kept as what the expert's own tool found. */
export const patternCheckSchema = z.object({
  schema: z.literal("tms.pattern-check/1"),
  ok: z.boolean(),
  id: z.string(),
  version: z.int(),
  digest: z.string(),
  planDigest: z.string(),
  diagnostics: z.array(
    z.object({
      severity: z.enum(["error", "warning"]),
      code: z.string(),
      file: z.string(),
      line: z.int(),
      column: z.int(),
      message: z.string(),
      cure: z.string(),
    }),
  ),
  rules: z.object({ compiled: z.int(), slow: z.int() }),
  goodware: z.object({ files: z.int(), hits: z.int(), setDigest: z.string() }),
  backtest: z.object({ records: z.int(), endpoints: z.int(), skipped: z.string() }),
  dryRun: z.array(z.object({ step: z.string(), verb: z.string(), target: z.string(), found: z.boolean() })),
});
export type PatternCheck = z.infer<typeof patternCheckSchema>;

export const deploymentViewSchema = z.object({
  endpoint: endpointIdSchema,
  host: z.string(),
  state: z.enum(DEPLOYMENT_STATES),
  stateSince: instantSchema,
  /** Two facts that are never mixed up. */
  downloadedByMitigatorAt: instantSchema.nullable(),
  appliedOnEndpointAt: instantSchema.nullable(),
  steps: z.array(stepResultSchema),
  undo: z.enum(["possible", "done", "none"]),
});

export const patternDetailSchema = patternRowSchema.extend({
  manifest: z.unknown(),
  check: patternCheckSchema.nullable(),
  signatures: z.array(z.object({ keyId: sha256Schema, name: z.string(), at: instantSchema })),
  /** The command that gives the next signature; null when none is waited for. */
  signCommand: z.string().nullable(),
  deployments: z.array(deploymentViewSchema),
});
export type PatternDetail = z.infer<typeof patternDetailSchema>;

/**
 * What an expert's tool needs to sign: the draft's stored bytes, the role file it would enter with the signatures so
 * far, the role file in force, and the delegating metadata to judge both by.
 */
export const patternSigningSchema = z.object({
  customer: customerIdSchema,
  id: patternIdSchema,
  version: countSchema,
  role: z.enum(["custom-act", "custom-detect", "regular"]),
  target: z.object({ path: z.string(), bytes: base64Schema }),
  /** Stored bytes of the proposed role file, null before the first expert has made it. */
  proposed: base64Schema.nullable(),
  inForce: z.object({ root: base64Schema, targets: base64Schema, role: base64Schema.nullable() }),
});
export type PatternSigning = z.infer<typeof patternSigningSchema>;

const byIdAndVersion = z.object({ id: patternIdSchema, version: z.coerce.number().int().min(1) });

export const patternRoutes = {
  listPatterns: route({
    method: "GET",
    path: "/api/v1/patterns",
    operationId: "listPatterns",
    summary: "Custom patterns, those that wait first.",
    identity: EXPERT,
    limit: READ_LIMIT,
    query: pageQuerySchema.extend({ customer: customerIdSchema.optional(), state: z.enum(PATTERN_STATES).optional() }),
    response: pageOf(patternRowSchema).extend({ counts: z.record(z.string(), z.int()) }),
  }),
  getPattern: route({
    method: "GET",
    path: "/api/v1/patterns/:id/:version",
    operationId: "getPattern",
    summary: "One version of a pattern.",
    identity: EXPERT,
    limit: READ_LIMIT,
    params: byIdAndVersion,
    response: patternDetailSchema,
  }),
  draftPattern: route({
    method: "POST",
    path: "/api/v1/cases/:id/patterns",
    operationId: "draftPattern",
    summary: "Brings a draft and its check result into the case.",
    identity: { kind: "session", roles: ["expert"] },
    limit: { bodyBytes: 4_000_000, perMinute: 60 },
    params: z.object({ id: caseIdSchema }),
    body: z.object({ bytes: base64Schema.max(4_000_000), check: patternCheckSchema }),
    response: patternRowSchema,
  }),
  patternSigning: route({
    method: "GET",
    path: "/api/v1/patterns/:id/:version/signing",
    operationId: "patternSigning",
    summary: "What an expert's own tool needs to check and sign.",
    identity: { kind: "session", roles: ["expert"] },
    limit: READ_LIMIT,
    params: byIdAndVersion,
    response: patternSigningSchema,
  }),
  signPattern: route({
    method: "POST",
    path: "/api/v1/patterns/:id/:version/signatures",
    operationId: "signPattern",
    summary: "Brings the role file with one more signature; the last one that the role demands issues the pattern.",
    identity: { kind: "session", roles: ["expert"] },
    limit: { bodyBytes: 4_000_000, perMinute: 60 },
    params: byIdAndVersion,
    body: z.object({ roleFile: base64Schema.max(4_000_000) }),
    response: patternRowSchema,
  }),
};

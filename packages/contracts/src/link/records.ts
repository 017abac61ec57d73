import {
  CHAIN_EDGE_KINDS,
  CHAIN_NODE_KINDS,
  CHAIN_QUALITIES,
  DEPLOYMENT_STATES,
  type LinkRecord,
  MITIGATION_SOURCES,
  MITIGATION_STATUSES,
  ROOT_CAUSE_KINDS,
  type RootCauseRecord,
  SEVERITIES,
  STEP_OUTCOMES,
  type Stream,
  THREAT_EVENT_KINDS,
  type ThreatEventRecord,
  VERBS,
} from "@tms/records";
import { z } from "zod";
import {
  caseIdSchema,
  chainIdSchema,
  countSchema,
  endpointIdSchema,
  foreignTextSchema,
  instantSchema,
  packageIdSchema,
  patternIdSchema,
  recordIdSchema,
  sha256Schema,
  threatIdSchema,
} from "../scalars.ts";

const relaySchema = z.object({ receivedAt: instantSchema, clockOffsetMs: z.number() });

const envelope = {
  id: recordIdSchema,
  endpoint: endpointIdSchema,
  occurredAt: instantSchema,
  relay: relaySchema.optional(),
};

export const stepResultSchema = z.object({
  step: z.string().max(64),
  verb: z.enum(VERBS),
  target: foreignTextSchema,
  outcome: z.enum(STEP_OUTCOMES),
  code: z.string().max(64).optional(),
});

export const threatEventBodySchema = z.object({
  threatId: threatIdSchema,
  threat: z.object({
    name: z.string().max(200),
    ruleId: z.string().max(128),
    severity: z.enum(SEVERITIES),
    severityReason: z.string().max(500),
    techniques: z
      .array(z.string().regex(/^T\d{4}(\.\d{3})?$/))
      .max(32)
      .optional(),
  }),
  status: z.enum(MITIGATION_STATUSES),
  source: z.enum(MITIGATION_SOURCES),
  host: z.string().max(255),
  file: z.object({ path: foreignTextSchema, sha256: sha256Schema, sizeBytes: countSchema }).optional(),
  parts: z.object({ processes: countSchema, files: countSchema, persistence: countSchema }).optional(),
  chain: chainIdSchema.optional(),
  pattern: z.object({ kind: z.enum(["regular", "custom"]), id: patternIdSchema, version: countSchema }).optional(),
  case: caseIdSchema.optional(),
  forensicPackage: z.object({ id: packageIdSchema, sha256: sha256Schema, sizeBytes: countSchema }).optional(),
  deployment: z
    .object({
      state: z.enum(DEPLOYMENT_STATES),
      steps: z.array(stepResultSchema).max(1000),
      undo: z.enum(["possible", "done", "none"]),
    })
    .optional(),
  detail: z.string().max(1000).optional(),
});

export const chainNodeSchema = z.object({
  id: z.string().min(1).max(128),
  kind: z.enum(CHAIN_NODE_KINDS),
  pid: countSchema.optional(),
  image: foreignTextSchema.optional(),
  commandLine: foreignTextSchema.optional(),
  path: foreignTextSchema.optional(),
  line: foreignTextSchema.optional(),
  remote: z.string().max(300).optional(),
  sha256: z.string().max(64).optional(),
  user: z.string().max(255).optional(),
  startedAt: instantSchema.optional(),
  endedAt: instantSchema.optional(),
  quality: z.enum(CHAIN_QUALITIES),
  reason: z.string().max(500).optional(),
  detected: z.boolean().optional(),
  rootCauseReason: z.string().max(500).optional(),
  pathIndex: countSchema.optional(),
});

export const chainEdgeSchema = z.object({
  from: z.string().min(1).max(128),
  to: z.string().min(1).max(128),
  kind: z.enum(CHAIN_EDGE_KINDS),
  at: instantSchema.optional(),
  quality: z.enum(CHAIN_QUALITIES),
});

export const threatEventRecordSchema: z.ZodType<ThreatEventRecord> = z.object({
  ...envelope,
  kind: z.enum(THREAT_EVENT_KINDS),
  body: threatEventBodySchema,
});

export const rootCauseRecordSchema: z.ZodType<RootCauseRecord> = z.object({
  ...envelope,
  kind: z.enum(ROOT_CAUSE_KINDS),
  body: z.union([
    z.strictObject({ chain: chainIdSchema, threatId: threatIdSchema, node: chainNodeSchema }),
    z.strictObject({ chain: chainIdSchema, threatId: threatIdSchema, edge: chainEdgeSchema }),
  ]),
});

/** Audit records of a lower party: who did what there. */
export const auditRecordSchema: z.ZodType<LinkRecord> = z.object({
  ...envelope,
  kind: z.string().max(64),
  body: z.record(z.string(), z.unknown()),
});

/** The schema of a stream's records. An invalid record is kept aside and never stops its stream. */
export function recordSchemaOf(stream: Stream): z.ZodType<LinkRecord> {
  switch (stream) {
    case "threat-events":
      return threatEventRecordSchema;
    case "root-cause":
      return rootCauseRecordSchema;
    case "audit":
      return auditRecordSchema;
  }
}

import { MITIGATION_STATUSES, SEVERITIES, THREAT_EVENT_KINDS } from "@tms/records";
import { z } from "zod";
import { pageQuerySchema } from "./console.ts";
import { chainEdgeSchema, chainNodeSchema, threatEventBodySchema } from "./link/records.ts";
import { chainIdSchema, endpointIdSchema, instantSchema, recordIdSchema, threatIdSchema } from "./scalars.ts";

// Threat events and chains as both consoles show them.

export const eventRowSchema = z.object({
  id: recordIdSchema,
  /** `E-` and a number, counted per customer. */
  shortId: z.string(),
  occurredAt: instantSchema,
  receivedAt: instantSchema,
  /** Endpoint's clock minus ours, milliseconds; null where no relay measured it. */
  clockOffsetMs: z.number().nullable(),
  kind: z.enum(THREAT_EVENT_KINDS),
  status: z.enum(MITIGATION_STATUSES),
  severity: z.enum(SEVERITIES),
  threatId: threatIdSchema,
  threatName: z.string(),
  ruleId: z.string(),
  endpoint: endpointIdSchema,
  host: z.string(),
  chain: chainIdSchema.nullable(),
  detail: z.string().nullable(),
});
export type EventRow = z.infer<typeof eventRowSchema>;

export const eventQuerySchema = pageQuerySchema.extend({
  host: z.string().max(255).optional(),
  endpoint: endpointIdSchema.optional(),
  threat: threatIdSchema.optional(),
  status: z.enum(MITIGATION_STATUSES).optional(),
  kind: z.enum(THREAT_EVENT_KINDS).optional(),
  from: instantSchema.optional(),
  to: instantSchema.optional(),
});

export const chainViewSchema = z.object({
  id: chainIdSchema,
  nodes: z.array(chainNodeSchema),
  edges: z.array(chainEdgeSchema),
  rootCause: z.string().nullable(),
  rootCauseReason: z.string(),
  path: z.array(z.string()),
});
export type ChainView = z.infer<typeof chainViewSchema>;

export const eventViewSchema = z.object({
  event: eventRowSchema,
  body: threatEventBodySchema,
  /** null while the chain's records are not here, with the reason. */
  chain: chainViewSchema.nullable(),
  chainMissingReason: z.string().nullable(),
  /** Every event about the same threat, oldest first. */
  story: z.array(eventRowSchema),
});

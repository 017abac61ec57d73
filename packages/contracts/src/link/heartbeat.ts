import { STREAMS } from "@tms/records";
import { z } from "zod";
import { route } from "../route.ts";
import { base64Schema, countSchema, directiveIdSchema, epochSchema, instantSchema, sha256Schema } from "../scalars.ts";
import { linkVersionSchema } from "./registration.ts";
import { trustAnnouncementSchema, trustReportSchema } from "./trust.ts";

export const streamSchema = z.enum(STREAMS);

/** Where a stream stands at the upper party: the next number it expects and the digest it continues. */
export const positionSchema = z.object({
  stream: streamSchema,
  epoch: epochSchema,
  next: countSchema,
  /** Digest of the last accepted batch; null before the first. */
  head: sha256Schema.nullable(),
});
export type Position = z.infer<typeof positionSchema>;

/** What the lower party says of one of its streams. `signature` is over the UTF-8 text of `signedPosition(...)`. */
export const streamReportSchema = z.object({
  stream: streamSchema,
  epoch: epochSchema,
  /** Numbers below this are sealed in batches; the ledger's figure "sent". */
  sealedTo: countSchema,
  head: sha256Schema.nullable(),
  spooledBytes: countSchema,
  oldestAt: instantSchema.nullable(),
  signature: base64Schema.max(128),
});
export type StreamReport = z.infer<typeof streamReportSchema>;

export const readinessReasonSchema = z.object({ code: z.string().max(64), text: z.string().max(300) });

export const directiveOutcomeSchema = z.object({
  id: directiveIdSchema,
  ok: z.boolean(),
  code: z.string().max(64).optional(),
  detail: z.string().max(1000).optional(),
});
export type DirectiveOutcome = z.infer<typeof directiveOutcomeSchema>;

export const sendScheduleSchema = z.object({
  /** 0 = at once. */
  everyMinutes: z.int().min(0).max(10_080),
  nextAt: instantSchema.nullable(),
  lastRun: z
    .object({
      startedAt: instantSchema,
      endedAt: instantSchema.nullable(),
      ok: z.boolean(),
      code: z.string().max(64).nullable(),
    })
    .nullable(),
});

export const heartbeatRequestSchema = z.object({
  v: linkVersionSchema,
  start: z.string().regex(/^[0-9a-f-]{36}$/),
  /** The start that was acknowledged last, and every start since; empty on the very first. */
  earlierStarts: z.array(z.string().regex(/^[0-9a-f-]{36}$/)).max(64),
  counter: countSchema,
  /** The last challenge that this start was given; it says that its process reads answers, so that it is alive. */
  challenge: z.string().max(64).optional(),
  version: z.string().max(32),
  host: z.string().max(255),
  instanceId: z.string().regex(/^[0-9a-f-]{36}$/),
  localTime: instantSchema,
  ready: z.object({ ok: z.boolean(), reasons: z.array(readinessReasonSchema).max(16) }),
  sending: z.enum(["on", "disabled"]),
  /** A mitigator counts its agents; an agent has none. */
  agents: countSchema.optional(),
  streams: z.array(streamReportSchema).max(STREAMS.length),
  outcomes: z.array(directiveOutcomeSchema).max(256),
  /** When logs leave, by the lower party's own clock; absent = at once. */
  schedule: sendScheduleSchema.optional(),
  /** Absent = it cannot take up another CA or SSH host key by itself. */
  trust: trustReportSchema.optional(),
  waitSeconds: z.int().min(0).max(50),
});
export type HeartbeatRequest = z.infer<typeof heartbeatRequestSchema>;

/** Kinds a portal may send are hints; a mitigator may also send its administrator's orders (architecture, section 5). */
export const HINT_KINDS = ["look-for-patterns", "case-changed", "send-now", "renew"] as const;
export const ORDER_KINDS = ["scan", "collect", "apply-pattern", "undo"] as const;
export const directiveSchema = z.object({
  id: directiveIdSchema,
  kind: z.enum([...HINT_KINDS, ...ORDER_KINDS]),
  expiresAt: instantSchema,
  payload: z.record(z.string(), z.unknown()),
});
export type Directive = z.infer<typeof directiveSchema>;

export const heartbeatAnswerSchema = z.object({
  serverTime: instantSchema,
  nextSeconds: z.number().min(0).max(300),
  directives: z.array(directiveSchema).max(256),
  positions: z.array(positionSchema).max(STREAMS.length),
  /** To be repeated in every heartbeat of this start from now on. */
  challenge: z.string().max(64).optional(),
  /**
   * Nothing of this heartbeat was taken, because another start is in force. `diverged`: that one knows more than this, so
   * this is a restored backup or a copy. `superseded`: that one followed this. Send no logs, and go on with heartbeats.
   */
  standing: z.enum(["diverged", "superseded"]).optional(),
  /** How much this product may send; over a limit the answer is 429 with a time, and nothing is lost. */
  limits: z
    .object({
      batchBytes: countSchema,
      batchRecords: countSchema,
      packageBytes: countSchema,
      /** Of this product; a day begins at 00:00 UTC by the upper party's clock. */
      bytesPerDay: countSchema,
      sentToday: countSchema,
      /** Of all products of the customer together. */
      customerBytesPerDay: countSchema,
      requestsPerSecond: z.number().positive(),
    })
    .optional(),
  /** In every answer until the request's own `trust` says the same. */
  trust: trustAnnouncementSchema.optional(),
});
export type HeartbeatAnswer = z.infer<typeof heartbeatAnswerSchema>;

export const linkHeartbeat = route({
  method: "POST",
  path: "/link/v1/heartbeat",
  operationId: "linkHeartbeat",
  summary: "Says: up, and able to start mitigation tasks. Long poll; the answer carries directives.",
  identity: { kind: "product" },
  limit: { bodyBytes: 131_072, perMinute: 600 },
  body: heartbeatRequestSchema,
  response: heartbeatAnswerSchema,
});

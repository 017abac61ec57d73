import { z } from "zod";
import { READ_LIMIT } from "../console.ts";
import { readinessReasonSchema } from "../link/heartbeat.ts";
import { route } from "../route.ts";
import { countSchema, instantSchema, productIdSchema } from "../scalars.ts";

const span = { from: instantSchema, to: instantSchema };

/** What was known of a product at one time, in its own words. */
const lastKnownSchema = z.object({
  ready: z.object({ ok: z.boolean(), reasons: z.array(readinessReasonSchema) }),
  version: z.string(),
  host: z.string(),
  address: z.string(),
});

export const productHistorySchema = z.object({
  ...span,
  /** Both bands cover the time from `from` to `to` without hole or overlap. */
  heartbeat: z.array(
    z.object({
      state: z.enum(["online", "late", "offline", "portal-away", "sending-disabled", "not-known"]),
      ...span,
    }),
  ),
  ready: z.array(
    z.object({
      state: z.enum(["ready", "not-ready", "not-known"]),
      ...span,
      reasons: z.array(readinessReasonSchema),
    }),
  ),
  /** The fullest that the spool was said to be in each quarter of an hour; kept for 8 days. */
  spool: z.array(z.object({ at: instantSchema, bytes: countSchema })),
  /** The newest 100, newest last. */
  incidents: z.array(
    z.object({
      kind: z.enum(["offline", "late", "portal-away", "not-ready", "sending-disabled"]),
      from: instantSchema,
      /** null = it goes on at the end of the asked time. */
      to: instantSchema.nullable(),
      lastKnown: lastKnownSchema.nullable(),
      cameBackAs: z.enum(["same-start", "other-start"]).nullable(),
      /** The fullest that the spool was said to be from then until half an hour after; null = nothing was said. */
      spooledBytes: countSchema.nullable(),
    }),
  ),
});
export type ProductHistory = z.infer<typeof productHistorySchema>;

export const productHistory = route({
  method: "GET",
  path: "/api/v1/products/:id/history",
  operationId: "productHistory",
  summary: "What a product was over time, judged by the portal's clock; the last 7 days unless asked, 32 at most.",
  identity: { kind: "session", roles: ["administrator", "expert"] },
  limit: READ_LIMIT,
  params: z.object({ id: productIdSchema }),
  query: z.object({ from: instantSchema.optional(), to: instantSchema.optional() }),
  response: productHistorySchema,
});

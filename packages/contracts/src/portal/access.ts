import { z } from "zod";
import { auditEntrySchema, JSON_LIMIT, LOG_ON_LIMIT, pageOf, pageQuerySchema, READ_LIMIT } from "../console.ts";
import { eventQuerySchema, eventRowSchema, eventViewSchema } from "../events-view.ts";
import { route } from "../route.ts";
import { customerIdSchema, instantSchema, productIdSchema, recordIdSchema } from "../scalars.ts";

const ADMINISTRATOR = { kind: "session", roles: ["administrator"] } as const;
const ANYBODY = { kind: "session", roles: ["administrator", "expert"] } as const;

export const portalAccessRoutes = {
  issueToken: route({
    method: "POST",
    path: "/api/v1/tokens",
    operationId: "issueToken",
    summary: "A token for the expert's CLI, valid 12 hours, Expert routes only.",
    identity: { kind: "public", why: "is a log-on" },
    limit: LOG_ON_LIMIT,
    body: z.object({ userName: z.string().max(64), password: z.string().max(256) }),
    response: z.object({ token: z.string(), expiresAt: instantSchema }),
  }),
  addAccount: route({
    method: "POST",
    path: "/api/v1/accounts",
    operationId: "addAccount",
    summary: "Adds a person.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    body: z.object({
      userName: z.string().trim().min(1).max(64),
      password: z.string().min(12).max(256),
      role: z.enum(["administrator", "expert"]),
    }),
    response: z.object({ userName: z.string(), role: z.string() }),
  }),
  portalEvents: route({
    method: "GET",
    path: "/api/v1/events",
    operationId: "portalEvents",
    summary: "Threat events of a customer.",
    identity: ANYBODY,
    limit: READ_LIMIT,
    query: eventQuerySchema.extend({ customer: customerIdSchema, product: productIdSchema.optional() }),
    response: pageOf(eventRowSchema),
  }),
  portalEvent: route({
    method: "GET",
    path: "/api/v1/customers/:customer/events/:id",
    operationId: "portalEvent",
    summary: "One threat event with its chain.",
    identity: ANYBODY,
    limit: READ_LIMIT,
    params: z.object({ customer: customerIdSchema, id: recordIdSchema }),
    response: eventViewSchema,
  }),
  portalAudit: route({
    method: "GET",
    path: "/api/v1/audit",
    operationId: "portalAudit",
    summary: "The audit log, newest first.",
    identity: ADMINISTRATOR,
    limit: READ_LIMIT,
    query: pageQuerySchema,
    response: pageOf(auditEntrySchema),
  }),
  menuCounts: route({
    method: "GET",
    path: "/api/v1/counts",
    operationId: "menuCounts",
    summary: "What waits for a person here, for the menu.",
    identity: ANYBODY,
    limit: READ_LIMIT,
    response: z.object({ products: z.int(), incidents: z.int(), cases: z.int() }),
  }),
};

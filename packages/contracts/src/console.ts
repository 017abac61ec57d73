import { z } from "zod";
import { route } from "./route.ts";
import { instantSchema } from "./scalars.ts";

// What both consoles share: set-up, log-on, who am I, lists.

export const ALL_ROLES = ["administrator", "expert"] as const;
export const JSON_LIMIT = { bodyBytes: 65_536, perMinute: 600 } as const;
export const READ_LIMIT = { bodyBytes: 0, perMinute: 1200 } as const;
export const LOG_ON_LIMIT = { bodyBytes: 4096, perMinute: 60 } as const;

export const sessionSchema = z.object({
  userName: z.string(),
  role: z.string(),
  /** IANA name of the zone that times are shown in. */
  zone: z.string(),
  product: z.enum(["portal", "mitigator"]),
  /** The mitigator's own name; the portal's public name. */
  name: z.string(),
  version: z.string(),
  /** True while the pattern keys are the demo's: every screen says so. */
  demoKeys: z.boolean(),
  /** When the console's own certificate ends, once that is 30 days away or less. */
  certificateEndsAt: instantSchema.nullable().optional(),
  serverTime: instantSchema,
});
export type SessionView = z.infer<typeof sessionSchema>;

const credentials = z.object({ userName: z.string().trim().min(1).max(64), password: z.string().min(1).max(256) });

export const sessionRoutes = {
  setUp: route({
    method: "POST",
    path: "/api/v1/setup",
    operationId: "setUp",
    summary: "Makes the first administrator from the one-time set-up link.",
    identity: { kind: "public", why: "proved by the one-time token of the link" },
    limit: LOG_ON_LIMIT,
    body: credentials.extend({ token: z.string().min(16).max(128), password: z.string().min(12).max(256) }),
    response: sessionSchema,
  }),
  setUpState: route({
    method: "GET",
    path: "/api/v1/setup",
    operationId: "setUpState",
    summary: "Whether the first administrator is still to be made.",
    identity: { kind: "public", why: "the log-on page must know whether to show set-up" },
    limit: READ_LIMIT,
    response: z.object({ needed: z.boolean() }),
  }),
  logOn: route({
    method: "POST",
    path: "/api/v1/session",
    operationId: "logOn",
    summary: "Logs a person on.",
    identity: { kind: "public", why: "is the log-on" },
    limit: LOG_ON_LIMIT,
    body: credentials,
    response: sessionSchema,
  }),
  whoAmI: route({
    method: "GET",
    path: "/api/v1/session",
    operationId: "whoAmI",
    summary: "Who is logged on.",
    identity: { kind: "session", roles: ALL_ROLES },
    limit: READ_LIMIT,
    response: sessionSchema,
  }),
  logOff: route({
    method: "DELETE",
    path: "/api/v1/session",
    operationId: "logOff",
    summary: "Ends the session.",
    identity: { kind: "session", roles: ALL_ROLES },
    limit: READ_LIMIT,
    response: z.object({ loggedOff: z.literal(true) }),
  }),
};

/** Paging of every list: the server counts, the URL keeps the place. */
export const pageQuerySchema = z.object({
  page: z.coerce.number().int().min(1).max(100_000).default(1),
  pageSize: z.coerce.number().int().min(1).max(200).default(25),
});

export function pageOf<Row extends z.ZodType>(row: Row) {
  return z.object({ rows: z.array(row), total: z.int(), asOf: instantSchema });
}

export const auditEntrySchema = z.object({
  at: instantSchema,
  actor: z.string(),
  action: z.string(),
  subject: z.string(),
  detail: z.record(z.string(), z.unknown()),
});

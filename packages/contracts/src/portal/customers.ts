import { z } from "zod";
import { JSON_LIMIT, READ_LIMIT } from "../console.ts";
import { connectionDetailsSchema } from "../link/connection.ts";
import { route } from "../route.ts";
import { customerIdSchema, emailSchema, instantSchema, nameSchema, sha256Schema } from "../scalars.ts";

const ADMINISTRATOR = { kind: "session", roles: ["administrator"] } as const;
const ANYBODY = { kind: "session", roles: ["administrator", "expert"] } as const;

/** `customer.public.json`, written by `tms keys customer`: the signed repository's offline part, no secret in it. */
export const customerKeysSchema = z.object({
  schema: z.literal("tms.customer-keys/1"),
  customer: z.object({ id: customerIdSchema, name: nameSchema }),
  demo: z.boolean(),
  /** TUF file name (`1.root.json`, `1.targets.json`, `1.regular.json`, …) → base64 of its stored bytes. */
  metadata: z.record(z.string().regex(/^[0-9]+\.[a-z-]+\.json$/), z.string()),
  /** Target path (`regular/…`) → base64. */
  targets: z.record(z.string().regex(/^[a-z-]+\/[A-Za-z0-9._-]+$/), z.string()),
  /** PEM private keys (PKCS#8) of the online roles snapshot and timestamp, given to the portal. */
  onlineKeys: z.object({ snapshot: z.string(), timestamp: z.string() }),
});
export type CustomerKeys = z.infer<typeof customerKeysSchema>;

/** What a customer may send, where it differs from the portal's `limits`. */
export const ownLimitsSchema = z.strictObject({
  bytesPerDay: z.int().min(1).optional(),
  customerBytesPerDay: z.int().min(1).optional(),
  packageBytes: z
    .int()
    .min(1)
    .max(4 * 1024 ** 3)
    .optional(),
  requestsPerSecond: z.number().min(0.1).max(10_000).optional(),
});

/** How often products of a customer speak, and after which silence they are offline; absent: 60 s and 30 min. */
export const ownHeartbeatSchema = z.strictObject({
  intervalSeconds: z.int().min(15).max(300).optional(),
  offlineAfterMinutes: z.int().min(1).max(10_080).optional(),
});

export const customerRowSchema = z.object({
  id: customerIdSchema,
  name: nameSchema,
  validUntil: instantSchema,
  expired: z.boolean(),
  contactEmail: emailSchema.nullable(),
  userName: z.string(),
  products: z.int(),
  productsNeedingSomebody: z.int(),
  openCases: z.int(),
  patternRoot: sha256Schema,
  demoKeys: z.boolean(),
  createdAt: instantSchema,
  limits: ownLimitsSchema,
  /** Its own over the portal's. */
  limitsInForce: ownLimitsSchema.required(),
  heartbeat: ownHeartbeatSchema,
});
export type CustomerRow = z.infer<typeof customerRowSchema>;

const byId = z.object({ id: customerIdSchema });

export const customerRoutes = {
  listCustomers: route({
    method: "GET",
    path: "/api/v1/customers",
    operationId: "listCustomers",
    summary: "All customers.",
    identity: ANYBODY,
    limit: READ_LIMIT,
    response: z.object({ customers: z.array(customerRowSchema) }),
  }),
  addCustomer: route({
    method: "POST",
    path: "/api/v1/customers",
    operationId: "addCustomer",
    summary: "Adds a customer from its key ceremony's public bundle; the answer holds the registration password, once.",
    identity: ADMINISTRATOR,
    limit: { bodyBytes: 4_000_000, perMinute: 30 },
    body: z.object({ keys: customerKeysSchema, validUntil: instantSchema, contactEmail: emailSchema.optional() }),
    response: z.object({ customer: customerRowSchema, password: z.string() }),
  }),
  getCustomer: route({
    method: "GET",
    path: "/api/v1/customers/:id",
    operationId: "getCustomer",
    summary: "One customer.",
    identity: ANYBODY,
    limit: READ_LIMIT,
    params: byId,
    response: customerRowSchema,
  }),
  changeCustomer: route({
    method: "PATCH",
    path: "/api/v1/customers/:id",
    operationId: "changeCustomer",
    summary:
      "Changes validity, contact, or the customer's own limits or heartbeats (each whole; what is absent is the default).",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    params: byId,
    body: z.object({
      validUntil: instantSchema.optional(),
      contactEmail: emailSchema.nullable().optional(),
      limits: ownLimitsSchema.optional(),
      heartbeat: ownHeartbeatSchema.optional(),
    }),
    response: customerRowSchema,
  }),
  newCustomerPassword: route({
    method: "POST",
    path: "/api/v1/customers/:id/password",
    operationId: "newCustomerPassword",
    summary: "Makes a new registration password, shown once; registered products keep working.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    params: byId,
    response: z.object({ password: z.string() }),
  }),
  connectionDetails: route({
    method: "GET",
    path: "/api/v1/customers/:id/connection-details",
    operationId: "connectionDetails",
    summary: "What this customer needs to register; never the password.",
    identity: ADMINISTRATOR,
    limit: READ_LIMIT,
    params: byId,
    response: connectionDetailsSchema,
  }),
};

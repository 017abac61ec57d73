import { LIVENESS, PRODUCT_STATES, REGISTRATIONS } from "@tms/records";
import { z } from "zod";
import { completenessSumsSchema } from "../completeness-certificate.ts";
import { JSON_LIMIT, pageOf, pageQuerySchema, READ_LIMIT } from "../console.ts";
import { readinessReasonSchema, sendScheduleSchema, streamSchema } from "../link/heartbeat.ts";
import { route } from "../route.ts";
import {
  countSchema,
  customerIdSchema,
  emailSchema,
  epochSchema,
  instantSchema,
  nameSchema,
  productIdSchema,
  sha256Schema,
} from "../scalars.ts";

import { productHistory } from "./product-history.ts";

const ADMINISTRATOR = { kind: "session", roles: ["administrator"] } as const;
const ANYBODY = { kind: "session", roles: ["administrator", "expert"] } as const;

/** Completeness as arithmetic: received of sealed, then what became of the rest. */
export const completenessSchema = z.object({
  stream: streamSchema,
  /** The one in use, as the product said last; null before its first heartbeat. */
  epoch: epochSchema.nullable(),
  /** From the sender's signed ledger, summed over epochs; null before the first heartbeat. */
  sent: countSchema.nullable(),
  /** Distinct record ids in the event store + repeated + kept aside. */
  received: countSchema,
  distinctIndexed: countSchema,
  repeated: countSchema,
  keptAside: countSchema,
  unreadable: countSchema,
  lost: countSchema,
  erased: countSchema,
  notYetIndexed: countSchema,
  gaps: z.array(
    z.object({
      epoch: epochSchema,
      first: countSchema,
      count: countSchema,
      cause: z.string(),
      from: instantSchema.nullable(),
      to: instantSchema.nullable(),
    }),
  ),
  spooledBytes: countSchema,
  /** The oldest record that waits there, by the product's clock. */
  oldestAt: instantSchema.nullable(),
  trueUpTo: instantSchema.nullable(),
});
export type Completeness = z.infer<typeof completenessSchema>;

export const productRowSchema = z.object({
  id: productIdSchema,
  customer: z.object({ id: customerIdSchema, name: nameSchema }),
  name: z.string(),
  host: z.string(),
  state: z.enum(PRODUCT_STATES),
  /** The small line under the state: since when and why. */
  stateSince: instantSchema.nullable(),
  stateReason: z.string().nullable(),
  needsSomebody: z.boolean(),
  registration: z.enum(REGISTRATIONS),
  liveness: z.enum(LIVENESS),
  ready: z.object({ ok: z.boolean(), reasons: z.array(readinessReasonSchema) }).nullable(),
  sending: z.enum(["on", "disabled"]),
  identity: z.enum(["one", "being-told-apart", "clone-suspected"]),
  lastHeartbeatAt: instantSchema.nullable(),
  lastLogsAt: instantSchema.nullable(),
  agents: countSchema.nullable(),
  version: z.string(),
  address: z.string(),
  email: emailSchema.nullable(),
  records: z.object({
    sent: countSchema.nullable(),
    received: countSchema,
    lost: countSchema,
    trueUpTo: instantSchema.nullable(),
  }),
  registeredAt: instantSchema,
});
export type ProductRow = z.infer<typeof productRowSchema>;

export const productViewSchema = productRowSchema.extend({
  certificate: z.object({
    serial: z.string(),
    issuedAt: instantSchema,
    /** When the product renews by itself. */
    renewsAt: instantSchema,
    notAfter: instantSchema,
    fingerprint: z.string(),
    /** SHA-256 of the signing key: the signer of role `product` in a completeness certificate. */
    signingFingerprint: sha256Schema,
    /** Since it registered. */
    renewedTimes: countSchema,
  }),
  sshFingerprint: z.string(),
  protocolSeen: z.enum(["ssl", "ssh"]).nullable(),
  completeness: z.array(completenessSchema),
  heartbeatSeconds: countSchema,
  /** When its logs leave, as it said last, by its own clock; null = it did not say. */
  schedule: sendScheduleSchema.nullable(),
  /** The installations that speak as this product, where there is more than one. */
  speakers: z.array(
    z.object({
      instanceId: z.string(),
      host: z.string(),
      address: z.string(),
      version: z.string(),
      start: z.string(),
      firstSeenAt: instantSchema,
      lastSeenAt: instantSchema,
    }),
  ),
});
export type ProductView = z.infer<typeof productViewSchema>;

const byId = z.object({ id: productIdSchema });

export const productRoutes = {
  listProducts: route({
    method: "GET",
    path: "/api/v1/products",
    operationId: "listProducts",
    summary: "Registered products, those that need somebody first.",
    identity: ANYBODY,
    limit: READ_LIMIT,
    query: pageQuerySchema.extend({
      customer: customerIdSchema.optional(),
      state: z.enum(PRODUCT_STATES).optional(),
      search: z.string().max(120).optional(),
    }),
    response: pageOf(productRowSchema).extend({
      counts: z.record(z.string(), z.int()),
      unregistered: z.int(),
      customers: z.int(),
    }),
  }),
  getProduct: route({
    method: "GET",
    path: "/api/v1/products/:id",
    operationId: "getProduct",
    summary: "One registered product.",
    identity: ANYBODY,
    limit: READ_LIMIT,
    params: byId,
    response: productViewSchema,
  }),
  productHistory,
  certifyCompleteness: route({
    method: "POST",
    path: "/api/v1/products/:id/completeness-certificate",
    operationId: "certifyCompleteness",
    summary:
      "A signed certificate of what of a product arrived in a period; `tms verify` judges it without the portal.",
    identity: ANYBODY,
    limit: { ...JSON_LIMIT, perMinute: 30 },
    params: byId,
    body: z.object({ from: instantSchema, to: instantSchema }),
    response: z.object({
      fileName: z.string(),
      /** The file, as it is to be kept. */
      content: z.string(),
      /** Hash of the last batch line; empty if nothing arrived. */
      head: z.string(),
      /** The one CA that it is judged by. */
      caPin: sha256Schema,
      sums: completenessSumsSchema,
    }),
  }),
  renewProduct: route({
    method: "POST",
    path: "/api/v1/products/:id/renewal",
    operationId: "renewProduct",
    summary: "Asks a product to renew its certificate and keys now; it does so with its next heartbeat.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    params: byId,
    response: z.object({ asked: z.literal(true) }),
  }),
  askForLogs: route({
    method: "POST",
    path: "/api/v1/products/:id/logs-now",
    operationId: "askForLogs",
    summary: "Asks a product to send its logs now; it does so with its next heartbeat.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    params: byId,
    response: z.object({ asked: z.literal(true) }),
  }),
  removeProduct: route({
    method: "POST",
    path: "/api/v1/products/:id/removal",
    operationId: "removeProduct",
    summary: "Removes a product: revokes its credentials. The typed name confirms.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    params: byId,
    body: z.object({ typedName: z.string().max(255) }),
    response: z.object({ removed: z.literal(true) }),
  }),
};

import { z } from "zod";
import { route } from "../route.ts";
import {
  base64Schema,
  customerIdSchema,
  emailSchema,
  endpointIdSchema,
  instantSchema,
  productIdSchema,
  sha256Schema,
} from "../scalars.ts";

export const linkVersionSchema = z.literal("link/1");

/** SPKI, DER, base64. */
const publicKeySchema = base64Schema.min(16).max(1024);

export const registerRequestSchema = z.object({
  v: linkVersionSchema,
  /** A mitigator proves itself by user name and password, an agent by an enrolment token's id and secret. */
  credentials: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("password"),
      userName: z.string().min(1).max(64),
      password: z.string().min(1).max(256),
    }),
    z.object({ kind: z.literal("token"), id: z.string().max(36), secret: z.string().min(32).max(128) }),
  ]),
  kind: z.enum(["mitigator", "agent", "foreign"]),
  version: z.string().max(32),
  host: z.string().max(255),
  /** Random, made by the installation; tells two machines with copied keys apart. */
  instanceId: z.string().regex(/^[0-9a-f-]{36}$/),
  email: emailSchema.optional(),
  /** Shown to people in lists; a product without one shows its host. */
  name: z.string().trim().min(1).max(64).optional(),
  /** An agent that enrols again names the endpoint it was. */
  endpoint: endpointIdSchema.optional(),
  /** Whether the caller knew the CA's pin beforehand; without it the product stays *unconfirmed*. */
  pinned: z.boolean(),
  certificateRequest: z.string().max(8192).startsWith("-----BEGIN CERTIFICATE REQUEST-----"),
  sshPublicKey: z
    .string()
    .max(1024)
    .regex(/^ssh-ed25519 [0-9A-Za-z+/=]+$/),
  /** Ed25519: signs stream positions and package manifests. */
  signingKey: publicKeySchema,
});
export type RegisterRequest = z.infer<typeof registerRequestSchema>;

export const registerAnswerSchema = z.object({
  product: productIdSchema,
  customer: customerIdSchema,
  /** Set for agents. */
  endpoint: endpointIdSchema.optional(),
  /** PEM, valid for 90 days; SAN URI `urn:tms:customer:<uuid>:product:<uuid>`. */
  certificate: z.string().max(16384),
  /** PEM bundle. */
  ca: z.string().max(65536),
  sshHostKeys: z.array(z.string().max(64)).max(8),
  /** Compared with the pinned root; never trusted alone. */
  patternRoot: sha256Schema,
  serverTime: instantSchema,
  limits: z.object({ batchBytes: z.int(), batchRecords: z.int(), packageBytes: z.int() }),
});
export type RegisterAnswer = z.infer<typeof registerAnswerSchema>;

export const testRequestSchema = z.object({
  v: linkVersionSchema,
  userName: z.string().min(1).max(64),
  password: z.string().min(1).max(256),
});
export const testAnswerSchema = z.object({
  accepts: z.literal(true),
  role: z.enum(["status-server", "log-server"]),
  serverTime: instantSchema,
});

export const linkRegister = route({
  method: "POST",
  path: "/link/v1/register",
  operationId: "linkRegister",
  summary: "Registers a lower party and certifies its own key.",
  identity: { kind: "public", why: "buys the identity with credentials" },
  limit: { bodyBytes: 32_768, perMinute: 30 },
  body: registerRequestSchema,
  response: registerAnswerSchema,
});

export const linkTest = route({
  method: "POST",
  path: "/link/v1/test",
  operationId: "linkTest",
  summary: "Test log-on: checks credentials and stores nothing.",
  identity: { kind: "public", why: "is what Test Connection asks before there is an identity" },
  limit: { bodyBytes: 4096, perMinute: 30 },
  body: testRequestSchema,
  response: testAnswerSchema,
});

export const renewRequestSchema = z.object({
  v: linkVersionSchema,
  /** For a TLS key that is not the one of the certificate in use. */
  certificateRequest: registerRequestSchema.shape.certificateRequest,
  sshPublicKey: registerRequestSchema.shape.sshPublicKey,
});
export type RenewRequest = z.infer<typeof renewRequestSchema>;

export const renewAnswerSchema = registerAnswerSchema.pick({
  product: true,
  customer: true,
  certificate: true,
  ca: true,
  sshHostKeys: true,
  serverTime: true,
  limits: true,
});
export type RenewAnswer = z.infer<typeof renewAnswerSchema>;

/** How long after its expiry a certificate is still admitted, on the renewal route alone. */
export const RENEW_GRACE_DAYS = 30;

export const linkRenew = route({
  method: "POST",
  path: "/link/v1/renew",
  operationId: "linkRenew",
  summary:
    "Certifies a new key of the caller, who may come with an expired certificate. The old key ends with its first use.",
  identity: { kind: "product" },
  limit: { bodyBytes: 16_384, perMinute: 30 },
  body: renewRequestSchema,
  response: renewAnswerSchema,
});

export const linkUnregister = route({
  method: "POST",
  path: "/link/v1/unregister",
  operationId: "linkUnregister",
  summary: "Ends the caller's registration and revokes its credentials.",
  identity: { kind: "product" },
  limit: { bodyBytes: 1024, perMinute: 10 },
  body: z.object({ v: linkVersionSchema }),
  response: z.object({ unregistered: z.literal(true) }),
});

import { STREAMS } from "@tms/records";
import { z } from "zod";
import { JSON_LIMIT, READ_LIMIT } from "../console.ts";
import { connectionDetailsSchema } from "../link/connection.ts";
import { route } from "../route.ts";
import {
  addressSchema,
  countSchema,
  customerIdSchema,
  emailSchema,
  instantSchema,
  nameSchema,
  productIdSchema,
  sha256Schema,
} from "../scalars.ts";

const ADMINISTRATOR = { kind: "session", roles: ["administrator"] } as const;

/** How often logs leave, in minutes; 0 = immediately. */
export const FREQUENCIES = [0, 5, 15, 30, 60, 120, 240, 480, 720, 1440] as const;
export type Frequency = (typeof FREQUENCIES)[number];
export const DEFAULT_FREQUENCY = 15 satisfies Frequency;
/** The fixed bandwidths in kbit/s; any other value is "custom". */
export const BANDWIDTHS = [64, 128, 256, 512, 1_000, 2_000, 5_000, 10_000] as const;
/** Under 8 kbit/s a heartbeat alone would take longer than its interval. */
const bandwidthSchema = z.int().min(8).max(10_000_000).nullable().default(null);

/** The values of Services › Threat Management Services Portal (domain, section 4). */
export const portalSettingsSchema = z.object({
  sending: z.boolean(),
  logServer: addressSchema,
  protocol: z.enum(["ssh", "ssl"]),
  frequencyMinutes: z.literal(FREQUENCIES).default(DEFAULT_FREQUENCY),
  statusServer: addressSchema,
  /** kbit/s, null = unlimited; one cap for both servers. */
  uploadKbits: bandwidthSchema,
  downloadKbits: bandwidthSchema,
  userName: z.string().trim().min(1).max(64),
  /** Absent = keep the stored one; never sent to the browser. */
  password: z.string().min(1).max(256).optional(),
  email: emailSchema,
  /** The name the portal shows for this mitigator. */
  name: z.string().trim().min(1).max(64),
  /** From the connection details; without them a person confirms the fingerprint. */
  caPins: z.array(sha256Schema).max(4),
  sshHostKeys: z.array(z.string().max(64)).max(8),
  patternRoot: sha256Schema,
});
export type PortalSettings = z.infer<typeof portalSettingsSchema>;

/** What connection details can say of them. */
const detailsSettingsSchema = portalSettingsSchema.pick({
  sending: true,
  logServer: true,
  protocol: true,
  statusServer: true,
  userName: true,
  caPins: true,
  sshHostKeys: true,
  patternRoot: true,
});

const readDetailsSchema = z.object({ ssl: detailsSettingsSchema, ssh: detailsSettingsSchema });
/** Connection details as values for the form, for either protocol. */
export type ReadDetails = z.infer<typeof readDetailsSchema>;

export const TEST_STEPS = [
  "name-look-up",
  "proxy",
  "tcp",
  "handshake",
  "credentials",
  "accepts",
  "clock-difference",
] as const;

export const testStepSchema = z.object({
  step: z.enum(TEST_STEPS),
  state: z.enum(["waiting", "running", "ok", "failed", "not-needed", "not-run"]),
  /** What was found: an address, a fingerprint, a difference. */
  fact: z.string(),
  ms: z.number().nullable(),
  code: z.string().nullable(),
  text: z.string().nullable(),
  cure: z.string().nullable(),
});

/** A connection test as it goes on; the page reads it again until `finishedAt` is set. */
export const connectionTestSchema = z.object({
  id: z.string(),
  startedAt: instantSchema,
  finishedAt: instantSchema.nullable(),
  ok: z.boolean().nullable(),
  /** Digest of the tested values; Save with these values needs no confirmation for 10 minutes. */
  testToken: z.string().nullable(),
  testTokenExpiresAt: instantSchema.nullable(),
  lanes: z.object({ logServer: z.array(testStepSchema), statusServer: z.array(testStepSchema) }),
});
export type ConnectionTest = z.infer<typeof connectionTestSchema>;

export const portalConnectionSchema = z.object({
  settings: portalSettingsSchema.omit({ password: true }).nullable(),
  passwordKeptSince: instantSchema.nullable(),
  registration: z
    .object({
      product: productIdSchema,
      customer: z.object({ id: customerIdSchema, name: nameSchema.nullable() }),
      registeredAt: instantSchema,
      certificateNotAfter: instantSchema,
      pinned: z.boolean(),
    })
    .nullable(),
  state: z.enum(["not-registered", "connected", "not-answering", "refused", "sending-disabled"]),
  lastHeartbeatAt: instantSchema.nullable(),
  lastLogsAt: instantSchema.nullable(),
  lastError: z.object({ at: instantSchema, code: z.string(), text: z.string(), cure: z.string() }).nullable(),
  spool: z.object({
    records: countSchema,
    bytes: countSchema,
    maxBytes: countSchema,
    oldestAt: instantSchema.nullable(),
  }),
  /** What of each stream waits, and up to which number the portal has it. */
  streams: z.array(
    z.object({
      stream: z.enum(STREAMS),
      records: countSchema,
      bytes: countSchema,
      oldestAt: instantSchema.nullable(),
      ackedAt: instantSchema.nullable(),
    }),
  ),
  /** What went wrong since the start, newest first; the same again in a row is one entry. */
  errors: z.array(
    z.object({
      at: instantSchema,
      firstAt: instantSchema,
      times: countSchema,
      code: z.string(),
      text: z.string(),
      cure: z.string(),
    }),
  ),
  /** Null while nothing is sent. */
  schedule: z
    .object({
      everyMinutes: z.literal(FREQUENCIES),
      nextAt: instantSchema.nullable(),
      lastRun: z
        .object({
          startedAt: instantSchema,
          endedAt: instantSchema.nullable(),
          ok: z.boolean(),
          code: z.string().nullable(),
        })
        .nullable(),
    })
    .nullable(),
  /** Since when sending is off and how many records it concerns; null while it is on. */
  disabled: z.object({ since: instantSchema, records: countSchema }).nullable(),
  /** What is dialled through, as Proxy Settings has it. */
  proxy: z.object({ kind: z.enum(["http", "socks4", "socks5"]), host: z.string(), port: z.int() }).nullable(),
});
export type PortalConnection = z.infer<typeof portalConnectionSchema>;

export const portalConnectionRoutes = {
  getPortalConnection: route({
    method: "GET",
    path: "/api/v1/portal-connection",
    operationId: "getPortalConnection",
    summary: "Settings in force and how the link is.",
    identity: ADMINISTRATOR,
    limit: READ_LIMIT,
    response: portalConnectionSchema,
  }),
  testPortalConnection: route({
    method: "POST",
    path: "/api/v1/portal-connection/tests",
    operationId: "testPortalConnection",
    summary: "Test Connection: tests these values and saves nothing.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    body: portalSettingsSchema,
    response: connectionTestSchema,
  }),
  getConnectionTest: route({
    method: "GET",
    path: "/api/v1/portal-connection/tests/:id",
    operationId: "getConnectionTest",
    summary: "A test as it goes on.",
    identity: ADMINISTRATOR,
    limit: READ_LIMIT,
    params: z.object({ id: z.string().max(64) }),
    response: connectionTestSchema,
  }),
  cancelConnectionTest: route({
    method: "DELETE",
    path: "/api/v1/portal-connection/tests/:id",
    operationId: "cancelConnectionTest",
    summary: "Ends a test.",
    identity: ADMINISTRATOR,
    limit: READ_LIMIT,
    params: z.object({ id: z.string().max(64) }),
    response: connectionTestSchema,
  }),
  savePortalConnection: route({
    method: "PUT",
    path: "/api/v1/portal-connection",
    operationId: "savePortalConnection",
    summary: "Saves; with sending on it registers. Untested values need confirmUntested, which is audited.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    body: z.object({
      settings: portalSettingsSchema,
      testToken: z.string().max(128).optional(),
      confirmUntested: z.boolean().optional(),
      /** On enabling: send what happened while sending was off. Default: it becomes one declared gap a stream. */
      sendMeanwhile: z.boolean().optional(),
    }),
    response: portalConnectionSchema,
  }),
  sendNow: route({
    method: "POST",
    path: "/api/v1/portal-connection/send-now",
    operationId: "sendNow",
    summary: "Sends what is spooled now instead of at the next run.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    body: z.object({}),
    response: portalConnectionSchema,
  }),
  unregister: route({
    method: "POST",
    path: "/api/v1/portal-connection/unregistration",
    operationId: "unregister",
    summary: "Tells the portal and revokes the credentials. The typed name confirms.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    body: z.object({ typedName: z.string().max(255) }),
    response: portalConnectionSchema,
  }),
  readConnectionDetails: route({
    method: "POST",
    path: "/api/v1/portal-connection/details",
    operationId: "readConnectionDetails",
    summary: "Reads pasted connection details into values for the form.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    body: connectionDetailsSchema,
    response: readDetailsSchema,
  }),
};

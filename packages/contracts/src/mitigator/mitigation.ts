import { CASE_STATES, DEPLOYMENT_STATES, ENDPOINT_STATES, TURNS } from "@tms/records";
import { z } from "zod";
import { auditEntrySchema, JSON_LIMIT, pageOf, pageQuerySchema, READ_LIMIT } from "../console.ts";
import { eventQuerySchema, eventRowSchema, eventViewSchema } from "../events-view.ts";
import { stepResultSchema } from "../link/records.ts";
import { route } from "../route.ts";
import {
  caseIdSchema,
  countSchema,
  endpointIdSchema,
  instantSchema,
  patternIdSchema,
  recordIdSchema,
  sha256Schema,
} from "../scalars.ts";

const ADMINISTRATOR = { kind: "session", roles: ["administrator"] } as const;

export const endpointRowSchema = z.object({
  id: endpointIdSchema,
  host: z.string(),
  address: z.string(),
  state: z.enum(ENDPOINT_STATES),
  stateSince: instantSchema.nullable(),
  agentVersion: z.string(),
  lastHeartbeatAt: instantSchema.nullable(),
  unresolvedThreats: countSchema,
  enrolledAt: instantSchema,
  /** How often this endpoint asked for a custom pattern's bytes. */
  patternRequests: countSchema,
});
export type EndpointRow = z.infer<typeof endpointRowSchema>;

export const mitigatorCaseSchema = z.object({
  id: caseIdSchema,
  shortId: z.string().nullable(),
  endpoint: endpointIdSchema,
  host: z.string(),
  state: z.enum(CASE_STATES),
  stateSince: instantSchema,
  turn: z.enum(TURNS),
  note: z.string(),
  openedAt: instantSchema,
  openedBy: z.string(),
  package: z.object({ sizeBytes: countSchema, sentBytes: countSchema, sha256: sha256Schema }).nullable(),
  pattern: z.object({ id: patternIdSchema, version: countSchema }).nullable(),
});
export type MitigatorCase = z.infer<typeof mitigatorCaseSchema>;

export const mitigatorDeploymentSchema = z.object({
  pattern: patternIdSchema,
  version: countSchema,
  title: z.string(),
  endpoint: endpointIdSchema,
  host: z.string(),
  state: z.enum(DEPLOYMENT_STATES),
  stateSince: instantSchema,
  downloadedByMitigatorAt: instantSchema.nullable(),
  appliedOnEndpointAt: instantSchema.nullable(),
  steps: z.array(stepResultSchema),
  undo: z.enum(["possible", "done", "none"]),
});
export type MitigatorDeployment = z.infer<typeof mitigatorDeploymentSchema>;

export const homeSchema = z.object({
  asOf: instantSchema,
  endpoints: z.object({ total: countSchema, connected: countSchema, nonconforming: countSchema }),
  /** The counts of the home screen; each is also a filter. */
  requireCleanup: countSchema,
  requireCustomCleanup: countSchema,
  requireRestart: countSchema,
  scanProblems: countSchema,
  unresolvedSubmitCase: countSchema,
  inMitigation: countSchema,
  openCases: countSchema,
  tasks: z.array(
    z.object({
      event: eventRowSchema,
      /** What a person would do now. */
      task: z.enum(["run-cleanup", "custom-cleanup", "restart", "scan-again", "submit-case"]),
      case: z.object({ id: caseIdSchema, shortId: z.string().nullable(), state: z.enum(CASE_STATES) }).nullable(),
    }),
  ),
});
export type Home = z.infer<typeof homeSchema>;

export const mitigationSettingsSchema = z.object({
  onThreat: z.enum(["assess-only", "assess-and-clean"]),
  onPattern: z.enum(["automatic", "by-hand"]),
});

export const mitigationRoutes = {
  home: route({
    method: "GET",
    path: "/api/v1/home",
    operationId: "home",
    summary: "Counts and tasks of the home screen.",
    identity: ADMINISTRATOR,
    limit: READ_LIMIT,
    response: homeSchema,
  }),
  listEvents: route({
    method: "GET",
    path: "/api/v1/events",
    operationId: "listEvents",
    summary: "The threat event log, newest first.",
    identity: ADMINISTRATOR,
    limit: READ_LIMIT,
    query: eventQuerySchema,
    response: pageOf(eventRowSchema),
  }),
  getEvent: route({
    method: "GET",
    path: "/api/v1/events/:id",
    operationId: "getEvent",
    summary: "One threat event with its chain.",
    identity: ADMINISTRATOR,
    limit: READ_LIMIT,
    params: z.object({ id: recordIdSchema }),
    response: eventViewSchema.extend({
      case: mitigatorCaseSchema.nullable(),
      deployment: mitigatorDeploymentSchema.nullable(),
      atPortalSince: instantSchema.nullable(),
    }),
  }),
  listEndpoints: route({
    method: "GET",
    path: "/api/v1/endpoints",
    operationId: "listEndpoints",
    summary: "Endpoints, those that need somebody first.",
    identity: ADMINISTRATOR,
    limit: READ_LIMIT,
    query: pageQuerySchema.extend({
      search: z.string().max(120).optional(),
      state: z.enum(ENDPOINT_STATES).optional(),
    }),
    response: pageOf(endpointRowSchema),
  }),
  removeAgent: route({
    method: "POST",
    path: "/api/v1/endpoints/:id/removal",
    operationId: "removeAgent",
    summary: "Revokes the credentials of an endpoint's agent. The typed host name confirms; history stays.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    params: z.object({ id: endpointIdSchema }),
    body: z.object({ typedName: z.string().max(255) }),
    response: z.object({ removed: z.literal(true) }),
  }),
  submitCase: route({
    method: "POST",
    path: "/api/v1/cases",
    operationId: "submitCase",
    summary: "Submit a Case about the unresolved threat of an event.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    body: z.object({ event: recordIdSchema, note: z.string().max(4000) }),
    response: mitigatorCaseSchema,
  }),
  listMitigatorCases: route({
    method: "GET",
    path: "/api/v1/cases",
    operationId: "listMitigatorCases",
    summary: "Cases of this mitigator.",
    identity: ADMINISTRATOR,
    limit: READ_LIMIT,
    query: pageQuerySchema,
    response: pageOf(mitigatorCaseSchema),
  }),
  listDeployments: route({
    method: "GET",
    path: "/api/v1/deployments",
    operationId: "listDeployments",
    summary: "Patterns on their way to endpoints.",
    identity: ADMINISTRATOR,
    limit: READ_LIMIT,
    query: pageQuerySchema,
    response: pageOf(mitigatorDeploymentSchema),
  }),
  deployPattern: route({
    method: "POST",
    path: "/api/v1/deployments/order",
    operationId: "deployPattern",
    summary: "Gives the site's consent to a pattern that waits for order.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    body: z.object({ pattern: patternIdSchema, version: z.int().min(1), endpoint: endpointIdSchema }),
    response: mitigatorDeploymentSchema,
  }),
  undoCleanup: route({
    method: "POST",
    path: "/api/v1/deployments/undo",
    operationId: "undoCleanup",
    summary: "Undoes the whole cleanup of a pattern on an endpoint.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    body: z.object({ pattern: patternIdSchema, version: z.int().min(1), endpoint: endpointIdSchema }),
    response: mitigatorDeploymentSchema,
  }),
  getMitigationSettings: route({
    method: "GET",
    path: "/api/v1/mitigation-settings",
    operationId: "getMitigationSettings",
    summary: "What happens without asking.",
    identity: ADMINISTRATOR,
    limit: READ_LIMIT,
    response: mitigationSettingsSchema,
  }),
  saveMitigationSettings: route({
    method: "PUT",
    path: "/api/v1/mitigation-settings",
    operationId: "saveMitigationSettings",
    summary: "Changes what happens without asking.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    body: mitigationSettingsSchema,
    response: mitigationSettingsSchema,
  }),
  makeEnrolmentToken: route({
    method: "POST",
    path: "/api/v1/enrolment-tokens",
    operationId: "makeEnrolmentToken",
    summary: "Makes an enrolment token, shown once.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    body: z.object({ uses: z.int().min(1).max(100_000), validHours: z.int().min(1).max(720) }),
    response: z.object({ token: z.string(), expiresAt: instantSchema, uses: z.int() }),
  }),
  mitigatorAudit: route({
    method: "GET",
    path: "/api/v1/audit",
    operationId: "mitigatorAudit",
    summary: "The audit log, newest first.",
    identity: ADMINISTRATOR,
    limit: READ_LIMIT,
    query: pageQuerySchema,
    response: pageOf(auditEntrySchema),
  }),
};

import { INCIDENT_STATES, SEVERITIES } from "@tms/records";
import { z } from "zod";
import { JSON_LIMIT, pageOf, pageQuerySchema, READ_LIMIT } from "../console.ts";
import { chainViewSchema, eventRowSchema } from "../events-view.ts";
import { route } from "../route.ts";
import {
  caseIdSchema,
  countSchema,
  customerIdSchema,
  endpointIdSchema,
  incidentIdSchema,
  instantSchema,
  nameSchema,
} from "../scalars.ts";

const ANYBODY = { kind: "session", roles: ["administrator", "expert"] } as const;

export const incidentRowSchema = z.object({
  id: incidentIdSchema,
  shortId: z.string(),
  customer: z.object({ id: customerIdSchema, name: nameSchema }),
  title: z.string(),
  state: z.enum(INCIDENT_STATES),
  stateSince: instantSchema,
  severity: z.enum(SEVERITIES),
  endpoints: z.array(z.object({ id: endpointIdSchema, host: z.string() })),
  firstEventAt: instantSchema,
  lastEventAt: instantSchema,
  events: countSchema,
});
export type IncidentRow = z.infer<typeof incidentRowSchema>;

export const incidentDetailSchema = incidentRowSchema.extend({
  /** One sentence for somebody who has ten seconds. */
  summary: z.string(),
  /** What was malicious, in plain words with the evidence behind each claim. */
  malicious: z.array(z.object({ text: z.string(), evidence: z.array(z.string()) })),
  done: z.array(z.object({ text: z.string(), at: instantSchema, evidence: z.array(z.string()) })),
  recommended: z.array(z.object({ text: z.string(), why: z.string() })),
  chains: z.array(chainViewSchema),
  story: z.array(eventRowSchema),
  cases: z.array(z.object({ id: caseIdSchema, shortId: z.string(), state: z.string() })),
  /** "Is this all the data?" */
  dataComplete: z.object({ complete: z.boolean(), text: z.string() }),
  report: z.object({ html: z.string().nullable(), pdf: z.string().nullable(), madeAt: instantSchema.nullable() }),
});
export type IncidentDetail = z.infer<typeof incidentDetailSchema>;

export const incidentRoutes = {
  listIncidents: route({
    method: "GET",
    path: "/api/v1/incidents",
    operationId: "listIncidents",
    summary: "Incidents, those that need somebody first.",
    identity: ANYBODY,
    limit: READ_LIMIT,
    query: pageQuerySchema.extend({ customer: customerIdSchema.optional(), state: z.enum(INCIDENT_STATES).optional() }),
    response: pageOf(incidentRowSchema).extend({ counts: z.record(z.string(), z.int()) }),
  }),
  getIncident: route({
    method: "GET",
    path: "/api/v1/incidents/:id",
    operationId: "getIncident",
    summary: "One incident. The id or its short id.",
    identity: ANYBODY,
    limit: READ_LIMIT,
    params: z.object({ id: z.string().max(64) }),
    response: incidentDetailSchema,
  }),
  changeIncident: route({
    method: "PATCH",
    path: "/api/v1/incidents/:id",
    operationId: "changeIncident",
    summary: "Changes an incident's state.",
    identity: ANYBODY,
    limit: JSON_LIMIT,
    params: z.object({ id: incidentIdSchema }),
    body: z.object({ state: z.enum(INCIDENT_STATES) }),
    response: incidentRowSchema,
  }),
};

/** `GET`: the report as one HTML file or as PDF, made from today's data. */
export const incidentReportPath = "/api/v1/incidents/:id/report.:format";

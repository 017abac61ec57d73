import { CASE_STATES, TURNS } from "@tms/records";
import { z } from "zod";
import { JSON_LIMIT, pageOf, pageQuerySchema, READ_LIMIT } from "../console.ts";
import { eventRowSchema } from "../events-view.ts";
import { route } from "../route.ts";
import {
  caseIdSchema,
  countSchema,
  customerIdSchema,
  endpointIdSchema,
  instantSchema,
  nameSchema,
  packageIdSchema,
  productIdSchema,
  sha256Schema,
} from "../scalars.ts";
import { patternRowSchema } from "./patterns.ts";

const EXPERT = { kind: "session", roles: ["expert", "administrator"] } as const;

export const caseRowSchema = z.object({
  id: caseIdSchema,
  shortId: z.string(),
  customer: z.object({ id: customerIdSchema, name: nameSchema }),
  product: z.object({ id: productIdSchema, name: z.string() }),
  endpoint: endpointIdSchema,
  host: z.string(),
  state: z.enum(CASE_STATES),
  stateSince: instantSchema,
  turn: z.enum(TURNS),
  threatName: z.string(),
  openedAt: instantSchema,
  openedBy: z.string(),
});
export type CaseRow = z.infer<typeof caseRowSchema>;

export const timelineEntrySchema = z.object({
  /** null = a future step, shown dotted. */
  at: instantSchema.nullable(),
  state: z.enum(CASE_STATES).nullable(),
  text: z.string(),
  who: z.string(),
  detail: z.string().nullable(),
});

/** One link of the custody log: hash-chained, from the first byte on. */
export const custodyEntrySchema = z.object({
  at: instantSchema,
  who: z.string(),
  action: z.enum(["upload-begun", "upload-resumed", "upload-finished", "verified", "downloaded", "erased"]),
  detail: z.string(),
  hash: sha256Schema,
});

export const packageViewSchema = z.object({
  id: packageIdSchema,
  sizeBytes: countSchema,
  receivedBytes: countSchema,
  sha256: sha256Schema,
  state: z.enum(["uploading", "complete", "failed"]),
  recipients: z.array(z.string()),
  uploadedAt: instantSchema.nullable(),
  custody: z.array(custodyEntrySchema),
});

export const caseDetailSchema = caseRowSchema.extend({
  note: z.string(),
  events: z.array(eventRowSchema),
  timeline: z.array(timelineEntrySchema),
  packages: z.array(packageViewSchema),
  patterns: z.array(patternRowSchema),
  /** The commands an expert would type now, in order. */
  commands: z.array(z.object({ what: z.string(), command: z.string() })),
});
export type CaseDetail = z.infer<typeof caseDetailSchema>;

const byId = z.object({ id: caseIdSchema });

export const caseRoutes = {
  listCases: route({
    method: "GET",
    path: "/api/v1/cases",
    operationId: "listCases",
    summary: "Cases, those that need somebody first.",
    identity: EXPERT,
    limit: READ_LIMIT,
    query: pageQuerySchema.extend({ customer: customerIdSchema.optional(), state: z.enum(CASE_STATES).optional() }),
    response: pageOf(caseRowSchema).extend({ counts: z.record(z.string(), z.int()) }),
  }),
  getCase: route({
    method: "GET",
    path: "/api/v1/cases/:id",
    operationId: "getCase",
    summary: "One case. The id or its short id.",
    identity: EXPERT,
    limit: READ_LIMIT,
    params: z.object({ id: z.string().max(64) }),
    response: caseDetailSchema,
  }),
  closeCase: route({
    method: "POST",
    path: "/api/v1/cases/:id/closing",
    operationId: "closeCase",
    summary: "Closes a case as clean, with a note.",
    identity: EXPERT,
    limit: JSON_LIMIT,
    params: byId,
    body: z.object({ note: z.string().max(4000) }),
    response: caseRowSchema,
  }),
};

/** `GET` with an Expert's token or session: the encrypted package's bytes; begins or continues the custody log. */
export const packageDownloadPath = "/api/v1/cases/:id/packages/:packageId/content";

import { CASE_STATES } from "@tms/records";
import { z } from "zod";
import { route } from "../route.ts";
import {
  caseIdSchema,
  countSchema,
  endpointIdSchema,
  instantSchema,
  packageIdSchema,
  patternIdSchema,
  recordIdSchema,
  sha256Schema,
  threatIdSchema,
} from "../scalars.ts";

/** Body of `PUT /link/v1/cases/{id}`: idempotent; the mitigator makes the id. */
export const casePutSchema = z.object({
  endpoint: endpointIdSchema,
  host: z.string().max(255),
  threats: z.array(threatIdSchema).min(1).max(100),
  events: z.array(recordIdSchema).max(1000),
  note: z.string().max(4000),
  openedBy: z.string().max(64),
  openedAt: instantSchema,
  /** The mitigator reports where collecting stands; the portal takes over from `new` on. */
  state: z.enum(["submitted", "collecting", "endpoint-away", "package-uploading", "package-failed", "withdrawn"]),
});
export type CasePut = z.infer<typeof casePutSchema>;

export const caseViewSchema = z.object({
  id: caseIdSchema,
  /** `C-` and a number, counted per customer by the portal. */
  shortId: z.string(),
  endpoint: endpointIdSchema,
  state: z.enum(CASE_STATES),
  /** Rises with every change; `after` in the list asks for greater ones. */
  changeNumber: countSchema,
  updatedAt: instantSchema,
  pattern: z.object({ id: patternIdSchema, version: countSchema }).nullable(),
});
export type CaseView = z.infer<typeof caseViewSchema>;

export const linkPutCase = route({
  method: "PUT",
  path: "/link/v1/cases/:id",
  operationId: "linkPutCase",
  summary: "Opens a case or reports where it stands; idempotent.",
  identity: { kind: "product" },
  limit: { bodyBytes: 131_072, perMinute: 120 },
  params: z.object({ id: caseIdSchema }),
  body: casePutSchema,
  response: caseViewSchema,
});

export const linkListCases = route({
  method: "GET",
  path: "/link/v1/cases",
  operationId: "linkListCases",
  summary: "Cases of this product that changed after a change number.",
  identity: { kind: "product" },
  limit: { bodyBytes: 0, perMinute: 120 },
  query: z.object({ after: z.coerce.number().int().min(0).default(0) }),
  response: z.object({ cases: z.array(caseViewSchema).max(500) }),
});

/** tus `Upload-Metadata` of a forensic package; every value base64 as tus demands. */
export const packageMetadataSchema = z.object({
  case: caseIdSchema,
  package: packageIdSchema,
  endpoint: endpointIdSchema,
  sha256: sha256Schema,
  /** Comma-separated age recipients, for the expert's information only. */
  recipients: z.string().max(4000),
});
export type PackageMetadata = z.infer<typeof packageMetadataSchema>;

export const FORENSICS_PATH = "/link/v1/forensics";
export const PATTERN_METADATA_PATH = "/link/v1/patterns/metadata";
export const PATTERN_TARGETS_PATH = "/link/v1/patterns/targets";
export const LOGS_PATH = "/link/v1/logs";

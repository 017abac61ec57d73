import type {
  CaseId,
  ChainId,
  CustomerId,
  DirectiveId,
  EndpointId,
  Epoch,
  IncidentId,
  PackageId,
  PatternId,
  ProductId,
  RecordId,
  Sha256,
  ThreatId,
} from "@tms/records";
import { isSha256, isUuid } from "@tms/records";
import { z } from "zod";

// Scalars of everything that crosses a process. Each has a bound (R16).

function uuid<Id extends string>() {
  return z.custom<Id>((value) => typeof value === "string" && isUuid(value), { error: "must be a lower-case UUID" });
}

export const customerIdSchema = uuid<CustomerId>();
export const productIdSchema = uuid<ProductId>();
export const endpointIdSchema = uuid<EndpointId>();
export const recordIdSchema = uuid<RecordId>();
export const threatIdSchema = uuid<ThreatId>();
export const chainIdSchema = uuid<ChainId>();
export const caseIdSchema = uuid<CaseId>();
export const packageIdSchema = uuid<PackageId>();
export const incidentIdSchema = uuid<IncidentId>();
export const directiveIdSchema = uuid<DirectiveId>();
export const epochSchema = uuid<Epoch>();

export const patternIdSchema = z.custom<PatternId>(
  (value) => typeof value === "string" && /^(CP|RP)-[0-9a-z-]{1,40}$/.test(value),
  { error: "must be CP- or RP- and up to 40 of a–z, 0–9, -" },
);

export const sha256Schema = z.custom<Sha256>((value) => typeof value === "string" && isSha256(value), {
  error: "must be 64 lower-case hexadecimal digits",
});

/** RFC 3339 with zone; kept as text, so that microseconds survive. */
export const instantSchema = z
  .string()
  .max(40)
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/, "must be an RFC 3339 time with zone");

export const countSchema = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
export const portSchema = z.int().min(1).max(65535);
/** An IP address or host name; resolved by whoever dials, never by the parser. */
export const hostSchema = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[0-9A-Za-z._:%-]+$/, "must be an IP address or host name");
export const emailSchema = z
  .string()
  .max(254)
  .regex(/^[^\s@<>,;"]+@[^\s@<>,;"]+$/, "must be an email address");
export const base64Schema = z.string().regex(/^[0-9A-Za-z+/]*={0,2}$/, "must be base64");
/** Names that people give to things; shown escaped, never interpreted. */
export const nameSchema = z.string().trim().min(1).max(120);
/** Text from an endpoint: command lines and paths may be long and may hold anything. */
export const foreignTextSchema = z.string().max(8192);
export const addressSchema = z.object({ host: hostSchema, port: portSchema });

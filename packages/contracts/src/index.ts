export { type ApiClient, ApiError, createApiClient, type FetchLike } from "./client.ts";
export {
  type CertifiedEpoch,
  COMPLETENESS_SCHEMA,
  type CompletenessStatement,
  type CompletenessSums,
  certifiedBatchSchema,
  completenessFirstLineSchema,
  completenessStatementSchema,
  STATEMENTS_URI,
} from "./completeness-certificate.ts";
export {
  auditEntrySchema,
  pageOf,
  pageQuerySchema,
  type SessionView,
  sessionRoutes,
  sessionSchema,
} from "./console.ts";
export {
  type ChainView,
  chainViewSchema,
  type EventRow,
  eventQuerySchema,
  eventRowSchema,
  eventViewSchema,
} from "./events-view.ts";
export { type Installation, installationSchema } from "./installation.ts";
export { type Problem, problemSchema } from "./problem.ts";
export {
  type AnyRoute,
  type Route,
  type RouteArguments,
  type RouteIdentity,
  type RouteLimit,
  type RouteResult,
  route,
} from "./route.ts";
export {
  addressSchema,
  base64Schema,
  caseIdSchema,
  chainIdSchema,
  countSchema,
  customerIdSchema,
  directiveIdSchema,
  emailSchema,
  endpointIdSchema,
  epochSchema,
  foreignTextSchema,
  hostSchema,
  incidentIdSchema,
  instantSchema,
  nameSchema,
  packageIdSchema,
  patternIdSchema,
  portSchema,
  productIdSchema,
  recordIdSchema,
  sha256Schema,
  threatIdSchema,
} from "./scalars.ts";

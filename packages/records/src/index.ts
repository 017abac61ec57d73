export { AppError, errorFromCode, isErrorCode } from "./app-error.ts";
export { assertNever } from "./assert-never.ts";
export { type Clock, systemClock, systemTimers, type Timers } from "./clock.ts";
export { COMPATIBILITY, type CompatibilityRow } from "./compatibility.ts";
export { ERRORS, type ErrorCode, type ErrorRow } from "./errors/index.ts";
export {
  type AccountId,
  type Brand,
  type CaseId,
  type ChainId,
  type CustomerId,
  type DirectiveId,
  type EndpointId,
  type Epoch,
  type IncidentId,
  isSha256,
  isUuid,
  newId,
  type PackageId,
  type PatternId,
  type ProductId,
  type RecordId,
  type Sha256,
  type ThreatId,
  uuidV7,
} from "./ids.ts";
export {
  MITIGATION_STATUS_TABLE,
  MITIGATION_STATUSES,
  type MitigationGroup,
  type MitigationStatus,
  type MitigationStatusRow,
} from "./mitigation-status.ts";
export { MITIGATOR_ROLES, type MitigatorRole, PORTAL_ROLES, type PortalRole } from "./roles.ts";
export {
  CHAIN_EDGE_KINDS,
  CHAIN_NODE_KINDS,
  CHAIN_QUALITIES,
  type ChainEdge,
  type ChainEdgeKind,
  type ChainNode,
  type ChainNodeKind,
  type ChainQuality,
  ROOT_CAUSE_KINDS,
  type RootCauseBody,
  type RootCauseChain,
  type RootCauseKind,
  type RootCauseRecord,
} from "./root-cause.ts";
export type { CustomerScope, ProviderScope } from "./scope.ts";
export { type StartFailure, startFailureOf } from "./start-failure.ts";
export {
  CASE_STATE_TABLE,
  CASE_STATES,
  type CaseState,
  DEPLOYMENT_STATE_TABLE,
  DEPLOYMENT_STATES,
  type DeploymentState,
  ENDPOINT_STATE_TABLE,
  ENDPOINT_STATES,
  type EndpointState,
  INCIDENT_STATE_TABLE,
  INCIDENT_STATES,
  type IncidentState,
  LIVENESS,
  type Liveness,
  PATTERN_STATE_TABLE,
  PATTERN_STATES,
  type PatternState,
  PRODUCT_STATE_TABLE,
  PRODUCT_STATES,
  type ProductState,
  REGISTRATIONS,
  type Registration,
} from "./states.ts";
export {
  type DetectedThreat,
  type LinkRecord,
  MITIGATION_SOURCES,
  type MitigationSource,
  type PatternRef,
  type Relay,
  SEVERITIES,
  type Severity,
  STEP_OUTCOMES,
  STREAMS,
  type StepOutcome,
  type StepResult,
  type Stream,
  THREAT_EVENT_KINDS,
  type ThreatEventBody,
  type ThreatEventKind,
  type ThreatEventRecord,
  type ThreatFile,
  VERBS,
  type Verb,
} from "./threat-event.ts";
export { type StateRow, type StillShape, TONES, type Tone, TURNS, type Turn } from "./tone.ts";

export type { PatternFetch, PatternMirror, PatternMirrorOptions } from "../patterns/index.ts";
export { createPatternMirror } from "../patterns/index.ts";
export { type BatchTransport, type LogServerAddress, readBatchAnswer } from "./batch-transport.ts";
export { makeCertificateRequest } from "./certificate-request.ts";
export { CONNECTION_STEPS, type ConnectionStep, LANES, type Lane, type StepReport } from "./connection-steps.ts";
export { createLowerLink, type LowerLinkDeps } from "./create-lower-link.ts";
export { type Address, authorityOf } from "./dial/address.ts";
export { createDial, type Dial, dialDirectly } from "./dial/dial.ts";
export { openTunnel, type Tunnel } from "./dial/open-tunnel.ts";
export { type Bandwidth, Pace } from "./dial/pace.ts";
export type { Paces } from "./dial/paced-socket.ts";
export { PROXY_KINDS, type ProxyKind, type ProxySettings } from "./dial/proxy-settings.ts";
export type { LowerDescription } from "./heartbeat-loop.ts";
export { type LinkHttpAnswer, problemFrom } from "./link-http.ts";
export { LinkMemory } from "./link-memory.ts";
export { backoffMs, isPassingFailure, judgeFailure, type LinkFailure } from "./link-outcome.ts";
export type { LinkRequest } from "./link-request.ts";
export { createLowerKeys, type LowerKeys } from "./lower-keys.ts";
export {
  composeLowerLink,
  type LinkDeps,
  type LinkLog,
  type LinkParts,
  type LinkState,
  type LowerLink,
} from "./lower-link.ts";
export { chainOf } from "./peer-chain.ts";
export { type ProbedAuthority, probeAuthority } from "./probe-authority.ts";
export { probeHostKey } from "./probe-host-key.ts";
export {
  identityInForce,
  loadIdentity,
  type RegisterLowerOptions,
  registerLower,
  type StoredIdentity,
} from "./register-lower.ts";
export type { ScheduleState, SendRun } from "./send-schedule.ts";
export { openSpool } from "./spool/spool.ts";
export {
  type GapReason,
  type Realigned,
  SPOOL_LIMITS,
  type Spool,
  type SpoolCursor,
  type SpooledBatch,
  type SpoolLimits,
  type SpoolReport,
} from "./spool/spool-port.ts";
export { type LaneReports, type TestSettings, testConnection } from "./test-connection.ts";
export { trustOf } from "./trust.ts";

export { createLowerKeys, type LowerKeys } from "./lower-keys.ts";
export { type Address, openTunnel } from "./open-tunnel.ts";
export { type ProbedAuthority, probeAuthority } from "./probe-authority.ts";
export { loadIdentity, type RegisterLowerOptions, registerLower, type StoredIdentity } from "./register-lower.ts";
export {
  type GapReason,
  openSpool,
  type Realigned,
  SPOOL_LIMITS,
  type Spool,
  type SpoolCursor,
  type SpooledBatch,
  type SpoolLimits,
  type SpoolReport,
} from "./spool/spool.ts";

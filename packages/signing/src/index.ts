export { equalSecret } from "./compare.ts";
export { type CertifiedBatch, certifiedBatchHash } from "./completeness-text.ts";
export { sha256Of } from "./digest.ts";
export { type Ed25519Key, keyIdOf, makeEd25519, publicSpkiOf, signBytes, verifyBytes } from "./ed25519.ts";
export { openSigned, type SignedBytes, sealBytes } from "./envelope.ts";
export { positionText, type SignedPosition } from "./position-text.ts";
export {
  addTarget,
  type Delegation,
  makeRoleFile,
  makeRoot,
  makeSnapshot,
  makeTargets,
  makeTimestamp,
  type RootKeys,
  rootFingerprint,
  type Signing,
  signRole,
} from "./tuf/author.ts";
export {
  type Ceremony,
  holdCeremony,
  isKeyOf,
  type OfflineRepository,
  type OnlineFiles,
  roleExpiry,
  signOnlineFiles,
} from "./tuf/ceremony.ts";
export {
  type CheckedRoleFile,
  checkRoleFile,
  describeRoleFile,
  type RoleKey,
  type RoleKeys,
  roleKeysOf,
} from "./tuf/check-role-file.ts";
export { isTargetRole, LEAST_SIGNATURES, OFFLINE_THRESHOLD, TARGET_ROLES, type TargetRole } from "./tuf/roles.ts";
export {
  freshUntil,
  type HighestSeen,
  NOTHING_SEEN,
  type RepositoryPin,
  type TrustedTarget,
  type TrustedTargets,
  type VerifiedTarget,
  verifyRepository,
} from "./tuf/verify-repository.ts";

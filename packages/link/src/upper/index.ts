export { type AnnouncedTrust, announcedTrust } from "./announce-trust.ts";
export { answerOf, type BatchIntake, createBatchIntake, type StatedBatch } from "./batch-intake.ts";
export {
  createDiskAdmission,
  type Deposit,
  DISK_SHARES,
  type DiskAdmission,
  type DiskShares,
  type DiskState,
} from "./disk-admission.ts";
export { createIdentityChanges } from "./identity-changes.ts";
export type { IntakeStore, IntakeTransaction, ReceivedBatch } from "./intake-store.ts";
export { arrivingStart, hearingOf, heartbeatDigest, isTaken } from "./judge-heartbeat.ts";
export {
  type ArrivingStart,
  type Face,
  type Judgement,
  judgeStart,
  type KnownStart,
  type LastOfStart,
  type StartWatch,
} from "./judge-start.ts";
export { problemOf } from "./link-problem.ts";
export { type LogServerDeps, registerLogServer } from "./log-server-routes.ts";
export { admit, type CredentialCheck, type IdentitySource, type Peer, type PeerLookup } from "./peer.ts";
export { type BatchRecord, readBatchRecords } from "./read-batch-records.ts";
export { createSshLogServer, type SshCounts, type SshLogServer } from "./ssh-log-server.ts";
export { SSH_LIMITS, type SshLimits, type SshLogServerDeps } from "./ssh-session.ts";
export type { CasePort, Hearing, HeartbeatPort, PackagePort, PatternPort, StatusServerDeps } from "./status-server.ts";
export { registerStatusServer } from "./status-server-routes.ts";
export { createTakeHeartbeat, type HeartbeatCall } from "./take-heartbeat.ts";

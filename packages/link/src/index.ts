export { type Authority, type AuthorityInForce, createAuthority, readCaPins } from "./authority/authority.ts";
export { makeDataDirectory } from "./authority/data-directory.ts";
export { type IssuedClient, productUri } from "./authority/issue-certificates.ts";
export { type KeyRoll, type KeyRollState, openKeyRoll } from "./authority/key-roll.ts";
export { syncDirectory, writeDurably } from "./authority/private-file.ts";
export { ROLL_FILES, ROLLED_KEYS, type RolledKey } from "./authority/roll-record.ts";
export { hashOfSpki, spkiOfCertificate, spkiOfKey } from "./authority/spki.ts";
export { createSshHostKey, fingerprintOf, readShownHostKey, type SshHostKey } from "./authority/ssh-host-key.ts";
export { createStatementSigner, STATEMENT_KEY_FILE, type StatementSigner } from "./authority/statement-signer.ts";
export {
  ROLL_STEPS,
  type RollOrder,
  type RollParty,
  type RollReport,
  rollOrderSchema,
  takeRollStep,
} from "./authority/take-roll-step.ts";
export { type WatchedKeys, watchKeys } from "./authority/watch-keys.ts";
export { batchName, isGap } from "./batch/batch-header.ts";
export { BATCH_LIMITS, type BatchLimits } from "./batch/batch-limits.ts";
export { BatchScanner, type ScannedBatch } from "./batch/batch-scanner.ts";
export {
  type BatchDecision,
  type BatchQuestion,
  decideBatch,
  mayBeKnown,
  positionAfter,
  type StreamPosition,
} from "./batch/decide-batch.ts";
export { type ReadBatch, readBatch } from "./batch/read-batch.ts";
export { type BatchPlace, type SealedBatch, sealBatch, sealGap, sha256Of } from "./batch/seal-batch.ts";
export type { Disk, DiskFile } from "./disk/disk.ts";
export { nodeDisk } from "./disk/node-disk.ts";
export { readTar, type TarEntry, type TarInput, type TarLimits, tarSize, writeTar } from "./forensics/tar.ts";

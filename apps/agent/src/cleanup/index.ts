export type { CleanupDeps } from "./cleanup-deps.ts";
export { type CleanupResult, type CleanupRunner, createCleanupRunner } from "./cleanup-runner.ts";
export { type Confinement, checkFile } from "./confinement.ts";
export { createEndpointSight } from "./endpoint-sight.ts";
export { openHostKey } from "./host-key.ts";
export { openJournal } from "./journal.ts";
export { checkProcess, type ProcessTarget } from "./kill-process.ts";
export type { CleanupSight } from "./plan-cleanup.ts";
export type { QuarantineStore } from "./quarantine.ts";

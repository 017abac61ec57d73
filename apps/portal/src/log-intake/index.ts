export type { BatchRow, IndexJob, StreamPlace } from "./batch-row.ts";
export { createLogIntakeStore, type LogIntakeStore } from "./log-intake-store.ts";

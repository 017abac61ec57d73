export {
  type Descriptor,
  listPids,
  type ProcessStat,
  readArguments,
  readBootId,
  readCwd,
  readDescriptors,
  readImage,
  readStat,
} from "./proc-reader.ts";
export { isOurs, type KnownProcess, type ProcessTable } from "./process-table.ts";
export { createTelemetry, type Telemetry } from "./telemetry.ts";
export { createWatchedPaths, isBelow, realPath, type WatchedPaths } from "./watched-paths.ts";

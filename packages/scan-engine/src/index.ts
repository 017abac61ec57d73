export { createScanEngine } from "./create-scan-engine.ts";
export type {
  Diagnostic,
  Match,
  MatchedString,
  RuleSet,
  RuleSource,
  ScanEngine,
  ScanInput,
  ScanLimits,
} from "./scan-engine.ts";

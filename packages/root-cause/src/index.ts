export { buildChain } from "./build-chain.ts";
export { pathBytes, pathText, shortText } from "./path-text.ts";
export { pathsInLine } from "./relations.ts";
export {
  type ChainQuestion,
  keyText,
  type ParentClue,
  type ProcessKey,
  type TelemetryEvent,
} from "./telemetry-event.ts";

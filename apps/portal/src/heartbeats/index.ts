export { createGiveDirectives } from "./give-directives.ts";
export {
  acceptanceOf,
  DEFAULT_SILENCE_RULES,
  type Heartbeat,
  type HeartbeatFacts,
  livenessOf,
  type Readiness,
  type SendSchedule,
  type ServingPeriod,
  type SilenceRules,
  silenceRulesOf,
} from "./heartbeat.ts";
export { HeartbeatMemory } from "./heartbeat-memory.ts";
export { heartbeatHandlers } from "./heartbeat-routes.ts";
export { createHeartbeatStore, DIRECTIVES_CHANNEL, type HeartbeatStore, STARTS_CHANNEL } from "./heartbeat-store.ts";
export { createHistoryStore } from "./history-store.ts";
export { createLastSeenWriter, type LastSeenWriter } from "./last-seen-writer.ts";
export type { Directive, DirectiveKind, KeptLedger } from "./ledger.ts";
export { createReadHistory } from "./read-history.ts";
export { createRecordHeartbeat } from "./record-heartbeat.ts";
export { createTrustStore } from "./trust-store.ts";
export { createNewsWaiters, type NewsWaiters } from "./wait-for-news.ts";

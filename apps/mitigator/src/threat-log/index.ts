export { eventToWire } from "./event-wire.ts";
export { createShowEvent } from "./show-event.ts";
export {
  type ArrivedChainRecord,
  type ArrivedEvent,
  isUnresolved,
  type LoggedEvent,
  type ThreatLogStore,
  type ThreatStanding,
  UNRESOLVED,
} from "./threat-event.ts";
export { registerThreatLogRoutes } from "./threat-log-routes.ts";
export { createThreatLogStore, type ThreatLogTables } from "./threat-log-store.ts";

export { type Completeness, completenessOf } from "./completeness.ts";
export { createEventIndexStore, type EventIndexStore } from "./event-index-store.ts";
export { eventRowView, readChain, registerEventRoutes } from "./event-routes.ts";
export { createEventStore, type EventStore } from "./event-store.ts";
export { makeEventTables } from "./event-tables-store.ts";
export { createIndexStream } from "./index-stream.ts";
export { eventShortId, type StoredEvent } from "./stored-event.ts";

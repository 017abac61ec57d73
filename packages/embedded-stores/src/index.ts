export { type EmbeddedEventStore, type EventStoreOptions, startEventStore } from "./event-store/start-event-store.ts";
export { type FoundPostgres, findPostgres } from "./postgres/find-postgres.ts";
export { type EmbeddedPostgres, type PostgresOptions, startPostgres } from "./postgres/start-postgres.ts";
export type { StoreLog } from "./store-log.ts";

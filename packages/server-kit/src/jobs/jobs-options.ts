import type { Logger } from "../start/create-logger.ts";

export interface QueueDefinition {
  name: string;
  /** How often a failed job is tried again; the wait doubles from 1 s up to a minute. */
  retryLimit?: number;
  /** After this time without an end the job counts as lost and runs again, in seconds. */
  expireInSeconds?: number;
}

export interface JobsOptions {
  /** Of `openDatabases`. */
  urls: { owner: string; app: string; jobs: string };
  queues: readonly QueueDefinition[];
  log: Logger;
}

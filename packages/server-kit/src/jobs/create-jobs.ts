import { randomUUID } from "node:crypto";
import type { QueryExecutorProvider } from "kysely";
import { PgBoss } from "pg-boss";
import type { Logger } from "../start/create-logger.ts";
import { installQueues, JOBS_SCHEMA } from "./install-queues.ts";
import { executorOf } from "./job-executor.ts";
import type { JobsOptions } from "./jobs-options.ts";

// Jobs: pg-boss in its own schema, run by its own role.
// J1  The owner installs and upgrades the schema and the queues at start; the jobs role only works with the rows.
// J2  A job can be sent in the caller's transaction (of the app role): it exists if, and only if, that commits.
// J3  A payload holds ids only: whoever reads the queue's tables learns nothing else.
// J4  A job runs at least once. Handlers are idempotent.
// J5  A worker gives a sign of life for the jobs it has in hand. Those of a killed one run again within seconds, not
//     only when their time is over.

/** Ids by name. */
export type JobPayload = Readonly<Record<string, string | number | null>>;

export interface JobContext {
  id: string;
  /** Aborts when the job has run out of its time or the process stops. */
  signal: AbortSignal;
}

export type JobHandler<Payload extends JobPayload = JobPayload> = (data: Payload, job: JobContext) => Promise<void>;

export interface SendOptions {
  /** Earliest start, in seconds from now. */
  startAfterSeconds?: number;
  /** While a job of this key waits, another one is not added. */
  key?: string;
}

export interface Jobs {
  /** @param trx The caller's transaction; without it the job is committed at once. */
  send(queue: string, data: JobPayload, trx?: QueryExecutorProvider | null, options?: SendOptions): Promise<void>;
  /** Begins to work a queue; each job that throws is logged and tried again, alone. */
  work<Payload extends JobPayload>(queue: string, handler: JobHandler<Payload>): Promise<void>;
  /** Sends a job at each time of a cron expression (UTC); one node does it. */
  schedule(queue: string, cron: string, data?: JobPayload): Promise<void>;
  /** Jobs that wait, run, or failed for good. */
  counts(queue: string): Promise<{ waiting: number; running: number; failed: number }>;
  close(): Promise<void>;
}

/** Measured (notes/storage.md): batches of 50 with NOTIFY did 1,629 jobs/s with 12–96 ms of delay. */
const BATCH = 50;
/** A notification wakes for new jobs at once; only this poll finds a failed one whose wait is over, and a delayed one. */
const POLL_SECONDS = 2;
const MAX_CONNECTIONS = 4;
/** How often this node looks for jobs whose worker was killed; pg-boss lets one node do it for all. */
const LOOK_FOR_LOST_SECONDS = 5;
/** A job that runs at shutdown may end; longer than this it is left to the next start. */
const STOP_TIMEOUT_MS = 5_000;

/** Installs the queues as the owner, then runs as the jobs role. */
export async function createJobs(options: JobsOptions): Promise<Jobs> {
  await installQueues(options);
  const boss = new PgBoss({
    connectionString: options.urls.jobs,
    schema: JOBS_SCHEMA,
    max: MAX_CONNECTIONS,
    migrate: false,
    createSchema: false,
    useListenNotify: true,
    superviseIntervalSeconds: LOOK_FOR_LOST_SECONDS,
    monitorIntervalSeconds: LOOK_FOR_LOST_SECONDS,
    // Rebuilding an index is the owner's right; the tables stay small, because finished jobs are deleted.
    reindex: false,
  });
  boss.on("error", (error) => options.log.warn({ err: error }, "the job store is not reachable"));
  await boss.start();
  return {
    async send(queue, data, trx, sending = {}) {
      await boss.send(
        queue,
        { ...data },
        {
          // The queues' policy keeps one waiting job a key; jobs without a key must not share the empty one.
          singletonKey: sending.key ?? randomUUID(),
          ...(sending.startAfterSeconds === undefined ? {} : { startAfter: sending.startAfterSeconds }),
          ...(trx === undefined || trx === null ? {} : { db: executorOf(trx) }),
        },
      );
    },
    work: (queue, handler) => workQueue(boss, { queue, handler, log: options.log }),
    schedule: (queue, cron, data) => boss.schedule(queue, cron, data === undefined ? null : { ...data }),
    async counts(queue) {
      const stats = await boss.getQueueStats(queue);
      const latest = stats.at(-1);
      return {
        waiting: latest?.queuedCount ?? 0,
        running: latest?.activeCount ?? 0,
        failed: latest?.failedCount ?? 0,
      };
    },
    close: () => boss.stop({ graceful: true, close: true, timeout: STOP_TIMEOUT_MS }),
  };
}

async function workQueue<Payload extends JobPayload>(
  boss: PgBoss,
  given: { queue: string; handler: JobHandler<Payload>; log: Logger },
): Promise<void> {
  const options = {
    batchSize: BATCH,
    burstWhenBatchFull: true,
    perJobResults: true,
    notifyPollingIntervalSeconds: POLL_SECONDS,
  } as const;
  await boss.work<Payload, unknown, typeof options>(given.queue, options, async (jobs) => {
    const results: { id: string; status: "completed" | "failed"; output?: object }[] = [];
    for (const job of jobs) {
      try {
        await given.handler(job.data, { id: job.id, signal: job.signal });
        results.push({ id: job.id, status: "completed" });
      } catch (error) {
        given.log.error({ err: error, queue: given.queue, job: job.id }, "job failed");
        // Its text is for the log; the queue's tables keep no details.
        results.push({ id: job.id, status: "failed", output: { failed: (error as Error).name } });
      }
    }
    return results;
  });
}

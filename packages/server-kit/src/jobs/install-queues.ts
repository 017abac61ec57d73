import { AppError } from "@tms/records";
import pg from "pg";
import { PgBoss } from "pg-boss";
import { quoteName } from "../database/role-names.ts";
import type { JobsOptions, QueueDefinition } from "./jobs-options.ts";

export const JOBS_SCHEMA = "pgboss";

const RETRY_LIMIT = 20;
const RETRY_DELAY_MAX_SECONDS = 60;
const EXPIRE_SECONDS = 600;
/** A worker that shows no life for so long is dead; pg-boss takes nothing less. It shows it twice as often. */
const LIFE_SIGN_SECONDS = 10;
/** Finished jobs are of no use to anybody; a day is enough to look at one. */
const DELETE_AFTER_SECONDS = 86_400;

/** Brings schema and queues to what the program expects, as the owner, and gives the roles their rights. */
export async function installQueues(options: Pick<JobsOptions, "urls" | "queues" | "log">): Promise<void> {
  const boss = new PgBoss({
    connectionString: options.urls.owner,
    schema: JOBS_SCHEMA,
    max: 2,
    supervise: false,
    schedule: false,
  });
  boss.on("error", (error) => options.log.warn({ err: error }, "the job store is not reachable"));
  try {
    await boss.start();
    for (const queue of options.queues) await ensureQueue(boss, queue);
  } catch (error) {
    throw new AppError("start.store_failed", { store: "jobs", problem: (error as Error).message }, { cause: error });
  } finally {
    await boss.stop({ graceful: false, close: true });
  }
  await grantJobs(options.urls);
}

async function ensureQueue(boss: PgBoss, { name, retryLimit, expireInSeconds }: QueueDefinition): Promise<void> {
  const wanted = {
    retryLimit: retryLimit ?? RETRY_LIMIT,
    retryDelay: 1,
    retryBackoff: true,
    retryDelayMax: RETRY_DELAY_MAX_SECONDS,
    expireInSeconds: expireInSeconds ?? EXPIRE_SECONDS,
    heartbeatSeconds: LIFE_SIGN_SECONDS,
    deleteAfterSeconds: DELETE_AFTER_SECONDS,
    notify: true,
  };
  if ((await boss.getQueue(name)) === null) await boss.createQueue(name, { policy: "short", ...wanted });
  else await boss.updateQueue(name, wanted);
}

async function grantJobs(urls: JobsOptions["urls"]): Promise<void> {
  const jobs = quoteName(decodeURIComponent(new URL(urls.jobs).username));
  const app = quoteName(decodeURIComponent(new URL(urls.app).username));
  const client = new pg.Client({ connectionString: urls.owner });
  await client.connect();
  try {
    await client.query(`grant usage on schema ${JOBS_SCHEMA} to ${jobs}, ${app}`);
    await client.query(`grant select, insert, update, delete on all tables in schema ${JOBS_SCHEMA} to ${jobs}`);
    await client.query(`grant usage, select on all sequences in schema ${JOBS_SCHEMA} to ${jobs}`);
    // The app role sends, in its own transactions; it neither takes nor changes jobs.
    await client.query(`grant select, insert on all tables in schema ${JOBS_SCHEMA} to ${app}`);
  } finally {
    await client.end();
  }
}

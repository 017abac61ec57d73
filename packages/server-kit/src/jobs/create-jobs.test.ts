import { createTestDatabase } from "@tms/testkit";
import { sql } from "kysely";
import pg from "pg";
import { expect, test } from "vitest";
import { createLogger } from "../start/create-logger.ts";
import { createJobs, type JobPayload } from "./create-jobs.ts";

const log = createLogger({ name: "test", level: "error" });
// Failing jobs are provoked here; their log lines would only hide others.
log.level = "silent";

async function openJobs() {
  const database = await createTestDatabase();
  const jobs = await createJobs({ urls: database.databases.urls, queues: [{ name: "index", retryLimit: 3 }], log });
  return {
    jobs,
    database,
    async [Symbol.asyncDispose]() {
      await jobs.close();
      await database.drop();
    },
  };
}

/** Works the queue until `count` jobs were done. */
async function worked(opened: { jobs: Awaited<ReturnType<typeof createJobs>> }, count: number): Promise<JobPayload[]> {
  const seen: JobPayload[] = [];
  const enough = Promise.withResolvers<void>();
  await opened.jobs.work("index", async (data) => {
    seen.push(data);
    if (seen.length === count) enough.resolve();
  });
  await enough.promise;
  return seen;
}

test("a job sent in a transaction exists if, and only if, that commits", async () => {
  await using opened = await openJobs();
  const { app } = opened.database.databases;
  const failed = app.transaction().execute(async (trx) => {
    await opened.jobs.send("index", { batch: "rolled back" }, trx);
    throw new Error("the caller's work failed");
  });
  await expect(failed).rejects.toThrow("the caller's work failed");

  await app.transaction().execute((trx) => opened.jobs.send("index", { batch: "committed" }, trx));

  expect(await worked(opened, 1)).toEqual([{ batch: "committed" }]);
  expect(await opened.jobs.counts("index")).toMatchObject({ waiting: 0 });
});

test("jobs without a key all run, of those with one key only one waits", async () => {
  await using opened = await openJobs();

  for (let index = 0; index < 3; index += 1) await opened.jobs.send("index", { index });
  for (let index = 0; index < 3; index += 1)
    await opened.jobs.send("index", { keyed: index }, null, { key: "stream-1" });
  const seen = await worked(opened, 4);

  expect(seen.filter((data) => "index" in data)).toHaveLength(3);
  expect(seen.filter((data) => "keyed" in data)).toEqual([{ keyed: 0 }]);
});

test("a job that fails runs again, alone, and stops nobody else", async () => {
  await using opened = await openJobs();
  const runs: unknown[] = [];
  const done = Promise.withResolvers<void>();
  for (const name of ["first", "failing", "last"]) await opened.jobs.send("index", { name });

  await opened.jobs.work("index", async ({ name }) => {
    runs.push(name);
    if (name === "failing" && runs.filter((run) => run === "failing").length === 1) throw new Error("secret detail");
    if (name === "failing") done.resolve();
  });
  await done.promise;

  expect(runs.toSorted()).toEqual(["failing", "failing", "first", "last"]);
});

test("the queue's tables keep no text of an error", async () => {
  await using opened = await openJobs();
  const failed = Promise.withResolvers<void>();
  await opened.jobs.send("index", { name: "x" });
  await opened.jobs.work("index", async () => {
    failed.resolve();
    throw new Error("secret detail");
  });
  await failed.promise;
  await opened.jobs.close();

  const { rows } = await sql<{ output: string | null }>`select output::text as output from pgboss.job`.execute(
    opened.database.databases.app,
  );

  expect(rows).toHaveLength(1);
  expect(rows[0]?.output ?? "").not.toContain("secret detail");
});

test("the app role cannot take, change or remove jobs, the provider's and the jobs' role touch nothing else", async () => {
  await using opened = await openJobs();
  const { app, provider, urls } = opened.database.databases;
  const pg = await import("pg");
  const jobsRole = new pg.default.Client({ connectionString: urls.jobs });
  await jobsRole.connect();

  const attempts = [
    sql`delete from pgboss.job`.execute(app),
    sql`update pgboss.job set data = null`.execute(app),
    sql`drop table pgboss.job`.execute(app),
    sql`select * from pgboss.job`.execute(provider),
    jobsRole.query("select * from accounts_accounts"),
    jobsRole.query("alter table pgboss.job add column x int"),
  ];
  const outcomes = await Promise.allSettled(attempts);
  await jobsRole.end();

  expect(outcomes.map((one) => (one.status === "rejected" ? one.reason.code : "allowed"))).toEqual(
    attempts.map(() => "42501"),
  );
});

test("a second start over the same database changes nothing and keeps what waits", async () => {
  await using opened = await openJobs();
  await opened.jobs.send("index", { batch: "kept" });

  const second = await createJobs({ urls: opened.database.databases.urls, queues: [{ name: "index" }], log });

  expect(await worked({ jobs: second }, 1)).toEqual([{ batch: "kept" }]);
  await second.close();
});

test("a job that a killed worker had in hand runs again long before its time is over", async () => {
  await using opened = await openJobs();
  await opened.jobs.send("index", { batch: "in hand" });
  // What kill -9 leaves: taken a minute ago, and no sign of life since.
  await inJobsTables(
    opened.database.databases.urls.owner,
    `update pgboss.job set state = 'active', started_on = now() - interval '1 minute',
       heartbeat_on = now() - interval '1 minute' where name = 'index'`,
  );

  const seen = await worked(opened, 1);

  expect(seen).toEqual([{ batch: "in hand" }]);
});

async function inJobsTables(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

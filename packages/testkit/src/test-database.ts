import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createLogger, type Databases, openDatabases } from "@tms/server-kit";
import { Client } from "pg";
import { sharedPostgresUrl } from "./test-postgres.ts";

/** A migrated database of a test file's own. */
export interface TestDatabase<Schema = unknown> {
  /** The owner's address: row level security does not bind it. For a look behind the scenes, or for a process. */
  readonly url: string;
  /** As the app opens it: `databases.app` through `inCustomer`, `databases.provider` through `inProvider`. */
  readonly databases: Databases<Schema>;
  /** Closes and removes it. */
  drop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Serialises the making of templates; any number that nobody else uses. */
const TEMPLATE_LOCK = 7_340_022_913;

/**
 * A real, migrated PostgreSQL database for one test file (or one test: a clone takes about 0.2 s).
 *
 * ```ts
 * const MIGRATIONS = [fileURLToPath(new URL("../../migrations", import.meta.url))];
 * const database = await createTestDatabase({ migrations: MIGRATIONS });   // beforeAll, or in the test
 * await inCustomer(database.databases.app, { customer }, (trx) => …);
 * await database.drop();                                                    // afterAll; or `await using database = …`
 * ```
 *
 * Nothing to set up: the first caller of a run starts the one PostgreSQL; it goes away with the run. Databases of the
 * same migrations are clones of one template, made under a lock by whoever comes first. server-kit's own migrations
 * are always in it.
 */
export async function createTestDatabase<Schema = unknown>(
  options: { migrations?: readonly string[] } = {},
): Promise<TestDatabase<Schema>> {
  const migrations = options.migrations ?? [];
  const tests = await sharedPostgresUrl();
  const template = `template_${await digestOf(migrations)}`;
  const name = `test_${randomBytes(8).toString("hex")}`;
  await asOwner(tests, async (client) => {
    await client.query("select pg_advisory_lock($1)", [TEMPLATE_LOCK]);
    const { rowCount } = await client.query("select 1 from pg_database where datname = $1", [template]);
    if (rowCount === 0) await makeTemplate(client, { tests, template, migrations });
    await client.query(`create database "${name}" template "${template}"`);
  });
  const url = urlOf(tests, name);
  const databases = await openDatabases<Schema>({ url, migrations, log: testLog() });
  const drop = async () => {
    await databases.close();
    await dropDatabase(tests, name);
  };
  return { url, databases, drop, [Symbol.asyncDispose]: drop };
}

/**
 * An empty database, for a test that starts a whole program with `database: { url }` and lets it migrate.
 *
 * `drop` after the program has ended.
 */
export async function createEmptyDatabase(): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const tests = await sharedPostgresUrl();
  const name = `test_${randomBytes(8).toString("hex")}`;
  await asOwner(tests, (client) => client.query(`create database "${name}"`));
  return { url: urlOf(tests, name), drop: () => dropDatabase(tests, name) };
}

async function makeTemplate(
  client: Client,
  make: { tests: string; template: string; migrations: readonly string[] },
): Promise<void> {
  // A draft first: a migration that fails must not leave a half-made template to the other files of the run.
  const draft = `draft_${randomBytes(8).toString("hex")}`;
  await client.query(`create database "${draft}"`);
  try {
    const opened = await openDatabases({ url: urlOf(make.tests, draft), migrations: make.migrations, log: testLog() });
    await opened.close();
  } catch (error) {
    await client.query(`drop database "${draft}" with (force)`);
    throw error;
  }
  // Whoever is still connected for a moment would hold renaming and cloning up.
  await client.query("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1", [draft]);
  await client.query(`alter database "${draft}" rename to "${make.template}"`);
}

async function dropDatabase(tests: string, name: string): Promise<void> {
  await asOwner(tests, async (client) => {
    await client.query(`drop database if exists "${name}" with (force)`);
    for (const role of ["app", "provider", "jobs"]) await client.query(`drop role if exists "${name}_${role}"`);
  });
}

/** The migrations' texts: a template of other texts is another template. */
async function digestOf(directories: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const directory of directories) {
    for (const file of (await readdir(directory)).filter((name) => name.endsWith(".sql")).sort()) {
      hash.update(`${directory}\0${file}\0`).update(await readFile(join(directory, file)));
    }
  }
  return hash.digest("hex").slice(0, 24);
}

async function asOwner(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    // Ending the connection gives the advisory lock back.
    await client.end();
  }
}

function urlOf(tests: string, name: string): string {
  const url = new URL(tests);
  url.pathname = `/${name}`;
  return url.toString();
}

function testLog() {
  return createLogger({ name: "test", level: "error" });
}

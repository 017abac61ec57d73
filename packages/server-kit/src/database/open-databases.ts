import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { AppError } from "@tms/records";
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import type { Logger } from "../start/create-logger.ts";
import { grantRights, makeRoles } from "./grant-rights.ts";
import { databaseOf, type RoleLogin, roleLogins } from "./role-names.ts";
import { readMigrations, runMigrations } from "./run-migrations.ts";

/** One PostgreSQL database of one app, through its roles. `Schema` is the caller's own table types. */
export interface Databases<Schema = unknown> {
  /** Row-level security binds it: use `inCustomer`, or tables without a customer. */
  app: Kysely<Schema>;
  /** Only the tables and verbs that a migration's `provider_<verb>` policy names: use `inProvider`. */
  provider: Kysely<Schema>;
  /** Addresses with passwords; for pg-boss and LISTEN connections only, never for a log. */
  urls: { owner: string; app: string; provider: string; jobs: string };
  /** One more connection of the app role, for LISTEN; the caller ends it. */
  connect(): Promise<pg.Client>;
  close(): Promise<void>;
}

export interface OpenDatabasesOptions {
  /** The owner's address (a superuser's, or a role's that owns the database and may create roles). */
  url: string;
  /** Folders of .sql files, after server-kit's own, in this order. */
  migrations: readonly string[];
  log: Logger;
  /** Connections of the app role. Two cores seldom serve more at once. */
  maxConnections?: number;
}

export const OWN_MIGRATIONS = fileURLToPath(new URL("../../migrations", import.meta.url));

const MAX_CONNECTIONS = 12;
const PROVIDER_CONNECTIONS = 6;
const CONNECT_TIMEOUT_MS = 10_000;
/** A statement that runs longer holds a connection that others wait for. */
const STATEMENT_TIMEOUT_MS = 60_000;
/** A transaction left open holds locks and keeps old rows alive. */
const IDLE_TRANSACTION_TIMEOUT_MS = 60_000;
/** Any fixed number: all nodes of one app take the same lock before they migrate. */
const MIGRATION_LOCK = 7_203_114;

/**
 * Makes the roles, migrates, grants, and opens the pools.
 *
 * @throws {AppError} `store.unavailable` if nobody answers, `start.store_failed` naming the migration that failed.
 */
export async function openDatabases<Schema = unknown>(options: OpenDatabasesOptions): Promise<Databases<Schema>> {
  const roles = roleLogins(options.url);
  const applied = await prepare(options, roles);
  if (applied.length > 0) options.log.info({ migrations: applied }, "database migrated");
  const urlOf = (role: RoleLogin["role"]) => roles.find((login) => login.role === role)?.url ?? options.url;
  const urls = { owner: options.url, app: urlOf("app"), provider: urlOf("provider"), jobs: urlOf("jobs") };
  const app = openPool<Schema>(urls.app, { max: options.maxConnections ?? MAX_CONNECTIONS, log: options.log });
  const provider = openPool<Schema>(urls.provider, { max: PROVIDER_CONNECTIONS, log: options.log });
  return {
    app: app.db,
    provider: provider.db,
    urls,
    async connect() {
      const client = new pg.Client({ connectionString: urls.app, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
      client.on("error", (error) => options.log.warn({ err: error }, "a lone database connection was lost"));
      await client.connect();
      return client;
    },
    async close() {
      await Promise.all([app.close(), provider.close()]);
    },
  };
}

async function prepare(options: OpenDatabasesOptions, roles: readonly RoleLogin[]): Promise<string[]> {
  const migrations = await readMigrations([OWN_MIGRATIONS, ...options.migrations]);
  const client = new pg.Client({ connectionString: options.url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on("error", (error) => options.log.warn({ err: error }, "the owner's connection was lost"));
  try {
    await client.connect();
  } catch (error) {
    const { host, pathname } = new URL(options.url);
    throw new AppError(
      "store.unavailable",
      { store: "PostgreSQL", host, database: pathname.slice(1) },
      { cause: error },
    );
  }
  try {
    await client.query("select pg_advisory_lock($1)", [MIGRATION_LOCK]);
    await makeRoles(client, roles);
    const applied = await runMigrations(client, migrations, roles);
    await grantRights(client, options.url, roles);
    return applied;
  } catch (error) {
    if (error instanceof AppError) throw error;
    const details = { database: databaseOf(new URL(options.url)), problem: (error as Error).message };
    throw new AppError("start.store_failed", details, { cause: error });
  } finally {
    // Ending the connection gives the advisory lock back.
    await client.end();
  }
}

/** Ended connections are waited for this long; PostgreSQL answers at once unless it is gone. */
const END_TIMEOUT_MS = 2_000;

function openPool<Schema>(
  url: string,
  options: { max: number; log: Logger },
): { db: Kysely<Schema>; close(): Promise<void> } {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_TIMEOUT_MS,
  });
  // Without a listener an idle connection that PostgreSQL closes (a restart) ends the whole process.
  pool.on("error", (error) => options.log.warn({ err: error }, "an idle database connection was lost"));
  let open = 0;
  const none = Promise.withResolvers<void>();
  let closing = false;
  pool.on("connect", (client) => {
    open += 1;
    // The pool listens to idle clients only. One that a transaction holds between two statements has no listener, and
    // a PostgreSQL that is killed just then would end the whole process; the transaction's next statement fails anyway.
    client.on("error", (error) => options.log.warn({ err: error }, "a database connection in use was lost"));
  });
  pool.on("remove", () => {
    open -= 1;
    if (closing && open === 0) none.resolve();
  });
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  return {
    db,
    async close() {
      closing = true;
      await db.destroy();
      // The pool resolves before its sockets end; whoever then drops the database or stops PostgreSQL is in their way.
      if (open > 0) await Promise.race([none.promise, setTimeout(END_TIMEOUT_MS, undefined, { ref: false })]);
    },
  };
}

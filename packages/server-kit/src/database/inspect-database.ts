import { AppError } from "@tms/records";
import pg from "pg";
import { OWN_MIGRATIONS } from "./open-databases.ts";
import { databaseOf } from "./role-names.ts";
import { readMigrations } from "./run-migrations.ts";

/** What a look at a database tells, without changing it. */
export interface DatabaseFound {
  version: string;
  /** Migrations of this program that the database lacks, has with other contents, or has and this program does not. */
  pending: string[];
  changed: string[];
  unknown: string[];
  /** No migration was ever applied. */
  isNew: boolean;
  mayCreateRoles: boolean;
  /** Its clock minus ours, give or take half a round trip. */
  clockOffsetMs: number;
}

const ANSWER_WITHIN_MS = 5_000;

/**
 * Looks at a database as its owner; nothing is made or migrated.
 *
 * @throws {AppError} `store.unavailable`, with the reason and never the address's password.
 */
export async function inspectDatabase(options: { url: string; migrations: readonly string[] }): Promise<DatabaseFound> {
  if (!URL.canParse(options.url)) throw unavailable(options.url, new TypeError("no address of a database"));
  const known = await readMigrations([OWN_MIGRATIONS, ...options.migrations]);
  const client = new pg.Client({
    connectionString: options.url,
    connectionTimeoutMillis: ANSWER_WITHIN_MS,
    query_timeout: ANSWER_WITHIN_MS,
  });
  // A lost connection also fails the query that waits; without a listener it would end the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
    const applied = await appliedMigrations(client);
    return {
      ...(await serverFacts(client)),
      pending: known.filter(({ name }) => !applied.has(name)).map(({ name }) => name),
      changed: known.filter(({ name, sha256 }) => (applied.get(name) ?? sha256) !== sha256).map(({ name }) => name),
      unknown: [...applied.keys()].filter((name) => !known.some((one) => one.name === name)),
      isNew: applied.size === 0,
    };
  } catch (error) {
    throw unavailable(options.url, error);
  } finally {
    await client.end();
  }
}

async function appliedMigrations(client: pg.Client): Promise<Map<string, string>> {
  const there = await client.query<{ there: boolean }>("select to_regclass('tms_migrations') is not null as there");
  if (there.rows[0]?.there !== true) return new Map();
  const { rows } = await client.query<{ name: string; sha256: string }>("select name, sha256 from tms_migrations");
  return new Map(rows.map((row) => [row.name, row.sha256]));
}

async function serverFacts(client: pg.Client) {
  const askedAt = Date.now();
  const { rows } = await client.query<{ version: string; now: Date; may: boolean }>(
    `select current_setting('server_version') as version, clock_timestamp() as now,
       (select rolsuper or rolcreaterole from pg_roles where rolname = current_user) as may`,
  );
  const middle = (askedAt + Date.now()) / 2;
  const row = rows[0];
  return {
    version: row?.version ?? "",
    mayCreateRoles: row?.may === true,
    clockOffsetMs: Math.round((row?.now.getTime() ?? middle) - middle),
  };
}

function unavailable(url: string, error: unknown): AppError {
  const reason = (error as { code?: string }).code ?? (error as Error).message;
  const place = placeOf(url);
  return new AppError("store.unavailable", { store: "PostgreSQL", ...place, reason }, { cause: error });
}

function placeOf(url: string): { host?: string; database?: string } {
  if (!URL.canParse(url)) return {};
  const parsed = new URL(url);
  return { host: parsed.host, database: parsed.pathname === "/" ? "" : databaseOf(parsed) };
}

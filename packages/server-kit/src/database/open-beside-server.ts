import { AppError } from "@tms/records";
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import { type DatabaseRole, roleLogins } from "./role-names.ts";

const CONNECT_TIMEOUT_MS = 10_000;
/** The app's role and its database are made at the first start: until then these are what fails. */
const NEVER_MADE = ["28P01", "28000", "3D000"];

/** The pools of an app's database as a command on the host uses them. */
export interface BesideServer<Schema = unknown> {
  app: Kysely<Schema>;
  provider: Kysely<Schema>;
  close(): Promise<void>;
}

/**
 * Opens an app's database beside its running server, for a command on the host: nothing is migrated, and it comes as
 * the app's roles where the owner's password lets those derive, else as the owner.
 *
 * @throws {AppError} `store.unavailable`, `store.never_made`.
 */
export async function openBesideServer<Schema = unknown>(ownerUrl: string): Promise<BesideServer<Schema>> {
  const logins = new URL(ownerUrl).password === "" ? [] : roleLogins(ownerUrl);
  const urlOf = (role: DatabaseRole) => logins.find((login) => login.role === role)?.url ?? ownerUrl;
  const [app, provider] = [openPool(urlOf("app")), openPool(urlOf("provider"))];
  try {
    (await app.connect()).release();
  } catch (error) {
    await Promise.all([app.end(), provider.end()]);
    const reason = (error as { code?: string }).code ?? "";
    const code = NEVER_MADE.includes(reason) ? "store.never_made" : "store.unavailable";
    throw new AppError(code, { host: new URL(ownerUrl).host, reason }, { cause: error });
  }
  const dbs = [app, provider].map((pool) => new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) }));
  const [appDb, providerDb] = dbs as [Kysely<Schema>, Kysely<Schema>];
  return {
    app: appDb,
    provider: providerDb,
    close: async () => {
      await Promise.all(dbs.map((db) => db.destroy()));
    },
  };
}

function openPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: 2, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // A lost connection also fails the statement that waits; without a listener it would end the process.
  pool.on("error", () => undefined);
  return pool;
}

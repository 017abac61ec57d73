import { AppError } from "@tms/records";
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import { roleLogins } from "./role-names.ts";

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Opens an app's database beside its running server, for a command on the host: nothing is migrated, and it comes as
 * the app's role where the owner's password lets that derive, else as the owner.
 *
 * @throws {AppError} (at the first statement) `store.unavailable`.
 */
export async function openBesideServer<Schema = unknown>(
  ownerUrl: string,
): Promise<{ app: Kysely<Schema>; close(): Promise<void> }> {
  const hasPassword = new URL(ownerUrl).password !== "";
  const url = hasPassword ? (roleLogins(ownerUrl).find(({ role }) => role === "app")?.url ?? ownerUrl) : ownerUrl;
  const pool = new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // A lost connection also fails the statement that waits; without a listener it would end the process.
  pool.on("error", () => undefined);
  try {
    (await pool.connect()).release();
  } catch (error) {
    await pool.end();
    const reason = (error as { code?: string }).code;
    // The app's role is made at the first start: until then its log-on is what fails.
    const neverMade = reason === "28P01" || reason === "28000" || reason === "3D000";
    const { host } = new URL(ownerUrl);
    throw new AppError(neverMade ? "store.never_made" : "store.unavailable", { host, reason }, { cause: error });
  }
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  return { app: db, close: () => db.destroy() };
}

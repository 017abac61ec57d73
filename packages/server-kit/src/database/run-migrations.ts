import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AppError } from "@tms/records";
import type pg from "pg";
import { type DatabaseRole, quoteName, type RoleLogin } from "./role-names.ts";

// Migrations: plain .sql, in the order of the directories and then of the names, once each.
// M1  Each file is one transaction with its own record; a failure leaves the files before it applied and none half.
// M2  An applied file never changes: a differing digest refuses the start.
// M3  {{app}}, {{provider}} and {{jobs}} stand for the quoted names of the roles; nothing else is replaced.

export interface Migration {
  /** `<folder above migrations>/<file>`: `portal/020-registration.sql`; the same on every machine. */
  name: string;
  sql: string;
  sha256: string;
}

/** Reads the files; the digest is over the bytes as they lie in the folder. */
export async function readMigrations(directories: readonly string[]): Promise<Migration[]> {
  const found: Migration[] = [];
  for (const directory of directories) {
    const files = (await readdir(directory)).filter((file) => file.endsWith(".sql")).sort();
    for (const file of files) {
      const sql = await readFile(join(directory, file), "utf8");
      const name = `${basename(dirname(directory))}/${file}`;
      if (found.some((other) => other.name === name)) throw new RangeError(`Two migrations are named ${name}.`);
      found.push({ name, sql, sha256: createHash("sha256").update(sql).digest("hex") });
    }
  }
  return found;
}

/** Applies what is new, as the owner; the caller holds the advisory lock. */
export async function runMigrations(
  client: pg.ClientBase,
  migrations: readonly Migration[],
  roles: readonly RoleLogin[],
): Promise<string[]> {
  await client.query(`create table if not exists tms_migrations (
    name text primary key, sha256 text not null, applied_at timestamptz not null default now())`);
  const { rows } = await client.query<{ name: string; sha256: string }>("select name, sha256 from tms_migrations");
  const applied = new Map(rows.map((row) => [row.name, row.sha256]));
  const done: string[] = [];
  for (const migration of migrations) {
    const known = applied.get(migration.name);
    if (known === migration.sha256) continue;
    if (known !== undefined) {
      throw new AppError("start.store_failed", {
        migration: migration.name,
        problem: "this migration was applied with other contents; write a new one instead of changing it",
      });
    }
    await applyOne(client, migration, roles);
    done.push(migration.name);
  }
  return done;
}

async function applyOne(client: pg.ClientBase, migration: Migration, roles: readonly RoleLogin[]): Promise<void> {
  await client.query("begin");
  try {
    await client.query(fillRoles(migration, roles));
    await client.query("insert into tms_migrations (name, sha256) values ($1, $2)", [migration.name, migration.sha256]);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw new AppError(
      "start.store_failed",
      { migration: migration.name, problem: (error as Error).message },
      { cause: error },
    );
  }
}

export function fillRoles(migration: Pick<Migration, "name" | "sql">, roles: readonly RoleLogin[]): string {
  return migration.sql.replace(/\{\{(\w+)\}\}/g, (_, word: string) => {
    const found = roles.find(({ role }) => role === (word as DatabaseRole));
    if (found === undefined) throw new RangeError(`The migration ${migration.name} names an unknown role {{${word}}}.`);
    return quoteName(found.name);
  });
}

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError, type CustomerId, newId } from "@tms/records";
import { createEmptyDatabase, createTestDatabase } from "@tms/testkit";
import { sql } from "kysely";
import pg from "pg";
import { describe, expect, test } from "vitest";
import { createLogger } from "../start/create-logger.ts";
import { inCustomer, inProvider } from "./in-scope.ts";
import { openDatabases } from "./open-databases.ts";

const log = createLogger({ name: "test", level: "error" });

const NOTES = `
create table notes_notes (customer uuid not null, id int not null, text text not null, primary key (customer, id));
alter table notes_notes enable row level security;
alter table notes_notes force row level security;
create policy own_customer on notes_notes using (customer = nullif(current_setting('tms.customer', true), '')::uuid);
create policy provider_select on notes_notes for select to {{provider}} using (true);
create table notes_private (customer uuid not null, text text not null);
`;

async function withMigrations(files: Record<string, string>) {
  const root = await mkdtemp(join(tmpdir(), "tms-migrations-"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, name), text);
  return { directory: root, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

async function openNotes() {
  const folder = await withMigrations({ "001-notes.sql": NOTES });
  const empty = await createEmptyDatabase();
  const db = await openDatabases({ url: empty.url, migrations: [folder.directory], log });
  return {
    db,
    url: empty.url,
    folder: folder.directory,
    async [Symbol.asyncDispose]() {
      await db.close();
      await empty.drop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "nothing was thrown";
  } catch (error) {
    return error instanceof AppError ? error.code : String((error as { code?: unknown }).code);
  }
}

/** PostgreSQL: insufficient privilege, also for a row that a policy refuses. */
const DENIED = "42501";

describe("roles and row-level security", () => {
  test("a customer reads and writes its own rows and no others", async () => {
    await using notes = await openNotes();
    const [one, other] = [newId<CustomerId>(), newId<CustomerId>()];
    await inCustomer(notes.db.app, { customer: one }, (trx) =>
      sql`insert into notes_notes values (${one}, 1, 'mine')`.execute(trx),
    );

    const own = await inCustomer(notes.db.app, { customer: one }, (trx) => sql`select * from notes_notes`.execute(trx));
    const foreign = await inCustomer(notes.db.app, { customer: other }, (trx) =>
      sql`select * from notes_notes`.execute(trx),
    );
    const changed = await inCustomer(notes.db.app, { customer: other }, (trx) =>
      sql`update notes_notes set text = 'theirs'`.execute(trx),
    );
    const planted = codeOf(
      inCustomer(notes.db.app, { customer: other }, (trx) =>
        sql`insert into notes_notes values (${one}, 2, 'planted')`.execute(trx),
      ),
    );

    expect(own.rows).toHaveLength(1);
    expect(foreign.rows).toHaveLength(0);
    expect(changed.numAffectedRows).toBe(0n);
    expect(await planted).toBe(DENIED);
  });

  test("the customer does not outlive its transaction on the pooled connection", async () => {
    await using notes = await openNotes();
    const customer = newId<CustomerId>();
    await inCustomer(notes.db.app, { customer }, (trx) =>
      sql`insert into notes_notes values (${customer}, 1, 'mine')`.execute(trx),
    );

    const after = await sql`select * from notes_notes`.execute(notes.db.app);

    expect(after.rows).toHaveLength(0);
  });

  test("a malformed customer never reaches SQL", async () => {
    await using notes = await openNotes();

    const attempt = () => inCustomer(notes.db.app, { customer: "x' or true --" as CustomerId }, async () => "reached");

    expect(attempt).toThrow(AppError);
  });

  test("the app role cannot shed row-level security, own a table, or become somebody else", async () => {
    await using notes = await openNotes();
    const owner = new URL(notes.url).username;

    const attempts = [
      sql`alter table notes_notes disable row level security`,
      sql`drop policy own_customer on notes_notes`,
      sql`drop table notes_notes`,
      sql`create table public.smuggled (x int)`,
      sql`truncate notes_notes`,
      sql`set role ${sql.id(owner)}`,
      sql`select * from tms_migrations`,
      sql`copy notes_notes to program 'true'`,
    ];
    const codes = await Promise.all(attempts.map((attempt) => codeOf(attempt.execute(notes.db.app))));

    expect(codes).toEqual(attempts.map(() => DENIED));
  });

  test("the provider sees all customers of a table that names it, only as named, and no other table", async () => {
    await using notes = await openNotes();
    for (const customer of [newId<CustomerId>(), newId<CustomerId>()]) {
      await inCustomer(notes.db.app, { customer }, (trx) =>
        sql`insert into notes_notes values (${customer}, 1, 'x')`.execute(trx),
      );
    }

    const all = await inProvider(notes.db.provider, (trx) => sql`select * from notes_notes`.execute(trx));
    const attempts = [
      sql`update notes_notes set text = 'y'`,
      sql`delete from notes_notes`,
      sql`select * from notes_private`,
      sql`select * from accounts_accounts`,
      sql`select * from audit_entries`,
    ];
    const codes = await Promise.all(attempts.map((attempt) => codeOf(attempt.execute(notes.db.provider))));

    expect(all.rows).toHaveLength(2);
    expect(codes).toEqual(attempts.map(() => DENIED));
  });

  test("a role of one database may not connect to another", async () => {
    await using one = await createTestDatabase();
    await using other = await createTestDatabase();
    const stray = new URL(one.databases.urls.app);
    stray.pathname = new URL(other.url).pathname;

    const client = new pg.Client({ connectionString: stray.toString() });

    expect(await codeOf(client.connect())).toBe(DENIED);
  });

  test("two processes open the same database and both keep working", async () => {
    await using notes = await openNotes();

    const second = await openDatabases({ url: notes.url, migrations: [notes.folder], log });

    // A fresh connection of the first must still be let in after the second set the roles' passwords.
    const client = await notes.db.connect();
    expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    await client.end();
    await second.close();
  });
});

describe("migrations", () => {
  test("run once each in the order of their names", async () => {
    await using folder = await withMigrations({
      "002-second.sql": "insert into order_seen select 'second';",
      "001-first.sql": "create table order_seen (name text); insert into order_seen values ('first');",
    });
    const empty = await createEmptyDatabase();

    const first = await openDatabases({ url: empty.url, migrations: [folder.directory], log });
    await first.close();
    const again = await openDatabases({ url: empty.url, migrations: [folder.directory], log });

    const { rows } = await sql<{ name: string }>`select name from order_seen`.execute(again.app);
    expect(rows.map(({ name }) => name)).toEqual(["first", "second"]);
    await again.close();
    await empty.drop();
  });

  test("a migration that changed after it was applied refuses the start", async () => {
    await using folder = await withMigrations({ "001-a.sql": "create table a (x int);" });
    const empty = await createEmptyDatabase();
    const first = await openDatabases({ url: empty.url, migrations: [folder.directory], log });
    await first.close();
    await writeFile(join(folder.directory, "001-a.sql"), "create table a (x int, y int);");

    const code = await codeOf(openDatabases({ url: empty.url, migrations: [folder.directory], log }));

    expect(code).toBe("start.store_failed");
    await empty.drop();
  });

  test("a migration that fails leaves nothing of itself behind", async () => {
    await using folder = await withMigrations({ "001-a.sql": "create table a (x int); select 1 / 0;" });
    const empty = await createEmptyDatabase();
    const code = await codeOf(openDatabases({ url: empty.url, migrations: [folder.directory], log }));
    await writeFile(join(folder.directory, "001-a.sql"), "create table a (x int);");

    const repaired = await openDatabases({ url: empty.url, migrations: [folder.directory], log });

    expect(code).toBe("start.store_failed");
    await repaired.close();
    await empty.drop();
  });

  test("five processes that start at once migrate once", async () => {
    await using folder = await withMigrations({ "001-a.sql": "create table a (x int);" });
    const empty = await createEmptyDatabase();

    const all = await Promise.all(
      [1, 2, 3, 4, 5].map(() => openDatabases({ url: empty.url, migrations: [folder.directory], log })),
    );

    expect(all).toHaveLength(5);
    for (const db of all) await db.close();
    await empty.drop();
  });

  test("an unknown placeholder is refused, not run", async () => {
    await using folder = await withMigrations({
      "001-a.sql": "create table a (x int); grant select on a to {{everyone}};",
    });
    const empty = await createEmptyDatabase();

    const code = await codeOf(openDatabases({ url: empty.url, migrations: [folder.directory], log }));

    expect(code).toBe("start.store_failed");
    await empty.drop();
  });
});

test("a database that does not answer is told as such", async () => {
  const code = await codeOf(openDatabases({ url: "postgres://a:b@127.0.0.1:1/nothing", migrations: [], log }));

  expect(code).toBe("store.unavailable");
});

test("a connection that is killed inside a transaction fails that transaction alone", async () => {
  await using notes = await openNotes();
  await using killer = await openNotes();
  const lost = notes.db.app.transaction().execute(async (trx) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
    // The kill meets a connection that is in use and has no statement under way: nobody but us can hear of it.
    await killed(killer.url, rows[0]?.pid ?? 0);
    await sql`select 1`.execute(trx);
  });

  await expect(lost).rejects.toThrow();
  const after = await sql<{ one: number }>`select 1 as one`.execute(notes.db.app);
  expect(after.rows).toEqual([{ one: 1 }]);
});

/** Ends a backend and waits until it is gone. */
async function killed(url: string, pid: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    // The second argument waits, in milliseconds, for the end.
    await client.query("select pg_terminate_backend($1, 5000)", [pid]);
  } finally {
    await client.end();
  }
}

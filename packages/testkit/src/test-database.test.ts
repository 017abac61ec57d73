import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CustomerId, newId } from "@tms/records";
import { inCustomer } from "@tms/server-kit";
import { sql } from "kysely";
import { Client } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { createEmptyDatabase, createTestDatabase } from "./test-database.ts";

const NOTES = `create table notes (customer uuid not null, text text not null);
alter table notes enable row level security;
alter table notes force row level security;
create policy own_customer on notes using (customer = nullif(current_setting('tms.customer', true), '')::uuid);`;

async function migrationsOf(text: string): Promise<string[]> {
  const root = await mkdtemp(join(tmpdir(), "tms-test-migrations-"));
  onTestFinished(() => rm(root, { recursive: true }));
  const directory = join(root, "sample", "migrations");
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "001-notes.sql"), text);
  return [directory];
}

test("two databases of the same migrations share nothing", async () => {
  const migrations = await migrationsOf(NOTES);
  await using first = await createTestDatabase({ migrations });
  await using second = await createTestDatabase({ migrations });
  const scope = { customer: newId<CustomerId>() };
  const insert = sql`insert into notes values (${scope.customer}, 'here')`;

  await inCustomer(first.databases.app, scope, (trx) => insert.execute(trx));

  const count = sql<{ n: number }>`select count(*)::int as n from notes`;
  const counted = await Promise.all(
    [first, second].map(({ databases }) => inCustomer(databases.app, scope, (trx) => count.execute(trx))),
  );
  expect(counted.map(({ rows }) => rows[0]?.n)).toEqual([1, 0]);
});

test("a clone's roles are bound by row level security as the template's are", async () => {
  await using database = await createTestDatabase({ migrations: await migrationsOf(NOTES) });
  const [own, other] = [{ customer: newId<CustomerId>() }, { customer: newId<CustomerId>() }];
  const insert = (customer: CustomerId) => sql`insert into notes values (${customer}, 'secret')`;
  await inCustomer(database.databases.app, own, (trx) => insert(own.customer).execute(trx));

  const seenBy = (scope: { customer: CustomerId }) =>
    inCustomer(database.databases.app, scope, async (trx) => (await sql`select * from notes`.execute(trx)).rows.length);
  const foreign = () => inCustomer(database.databases.app, other, (trx) => insert(own.customer).execute(trx));

  expect(await seenBy(own)).toBe(1);
  expect(await seenBy(other)).toBe(0);
  await expect(foreign()).rejects.toMatchObject({ code: "42501" });
});

test("a migration that fails says so and leaves no template to the next caller", async () => {
  const migrations = await migrationsOf("create table half (id int); select no_such_function();");

  const attempt = () => createTestDatabase({ migrations });

  await expect(attempt()).rejects.toMatchObject({ code: "start.store_failed" });
  await expect(attempt()).rejects.toMatchObject({ code: "start.store_failed" });
});

test("a dropped database is gone, even while somebody is connected", async () => {
  const database = await createEmptyDatabase();
  const client = new Client({ connectionString: database.url });
  client.on("error", () => {});
  await client.connect();

  await database.drop();

  const again = new Client({ connectionString: database.url });
  await expect(again.connect()).rejects.toMatchObject({ code: "3D000" });
});

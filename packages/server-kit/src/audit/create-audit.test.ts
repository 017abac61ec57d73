import { createTestDatabase, TestClock } from "@tms/testkit";
import { sql } from "kysely";
import pg from "pg";
import { describe, expect, test } from "vitest";
import { createAudit } from "./create-audit.ts";

async function openAudit(entries: number) {
  const database = await createTestDatabase();
  const audit = createAudit({ db: database.databases, clock: new TestClock() });
  for (let number = 1; number <= entries; number += 1) {
    await audit.write({ actor: "admin.owl", action: "thing.changed", subject: `thing-${number}`, detail: { number } });
  }
  return { audit, database, [Symbol.asyncDispose]: () => database.drop() };
}

/** As the owner of the database: what the app role may not do. */
async function tamper(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}

test("entries written at the same time form one unbroken chain", async () => {
  await using opened = await openAudit(0);

  await Promise.all(
    Array.from({ length: 25 }, (_, index) =>
      opened.audit.write({ actor: "a", action: "thing.changed", subject: String(index) }),
    ),
  );

  expect(await opened.audit.verify()).toEqual({ ok: true, entries: 25 });
});

test("an entry in a caller's transaction goes when that is rolled back, and the chain stays whole", async () => {
  await using opened = await openAudit(2);
  const { app } = opened.database.databases;

  const rolledBack = app.transaction().execute(async (trx) => {
    await opened.audit.write({ actor: "a", action: "thing.changed", subject: "lost" }, trx);
    throw new Error("the caller's work failed");
  });

  await expect(rolledBack).rejects.toThrow("the caller's work failed");
  expect(await opened.audit.verify()).toEqual({ ok: true, entries: 2 });
});

test("the list gives the newest first and counts all", async () => {
  await using opened = await openAudit(5);

  const page = await opened.audit.list({ page: 2, pageSize: 2 });

  expect(page.rows.map(({ subject }) => subject)).toEqual(["thing-3", "thing-2"]);
  expect(page.rows[0]?.detail).toEqual({ number: 3 });
  expect(page.total).toBe(5);
});

test("text that no database column would take as it is survives", async () => {
  await using opened = await openAudit(0);

  await opened.audit.write({
    actor: "a",
    action: "x.y",
    subject: "s",
    detail: { text: 'nul \u0000, "quote", ü, \u202e' },
  });

  expect(await opened.audit.verify()).toEqual({ ok: true, entries: 1 });
});

describe("the verifier finds", () => {
  const attacks = [
    {
      name: "a changed detail",
      statement: `update audit_entries set detail = '{"number":99}' where number = 2`,
      problem: "changed",
      number: 2,
    },
    {
      name: "a changed actor",
      statement: "update audit_entries set actor = 'nobody' where number = 3",
      problem: "changed",
      number: 3,
    },
    { name: "a removed entry", statement: "delete from audit_entries where number = 2", problem: "missing", number: 2 },
    { name: "a cut end", statement: "delete from audit_entries where number = 4", problem: "cut", number: 4 },
    {
      name: "an exchanged pair",
      statement:
        "update audit_entries set number = 9 where number = 2; update audit_entries set number = 2 where number = 3; update audit_entries set number = 3 where number = 9",
      problem: "unlinked",
      number: 2,
    },
  ];
  for (const { name, statement, problem, number } of attacks) {
    test(name, async () => {
      await using opened = await openAudit(4);
      await tamper(opened.database.url, statement);

      const verdict = await opened.audit.verify();

      expect(verdict).toEqual({ ok: false, number, problem });
    });
  }
});

test("the app role can neither change nor delete an entry", async () => {
  await using opened = await openAudit(1);
  const { app } = opened.database.databases;

  const attempts = [
    sql`update audit_entries set actor = 'x'`,
    sql`delete from audit_entries`,
    sql`truncate audit_entries`,
  ];

  for (const attempt of attempts) await expect(attempt.execute(app)).rejects.toMatchObject({ code: "42501" });
  expect(await opened.audit.verify()).toEqual({ ok: true, entries: 1 });
});

import { createTestDatabase } from "@tms/testkit";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { createAccounts } from "./create-accounts.ts";

test("a log-on with the old password that is under way during a reset gets no session", async () => {
  await using database = await createTestDatabase();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<boolean>();
  const hasher = {
    hash: async (password: string) => `hash of ${password}`,
    verify: (_hash: string, password: string) => {
      if (password !== "the old password") return Promise.resolve(true);
      asked.resolve();
      return answer.promise;
    },
    decoyHash: "hash of nothing",
  };
  const accounts = await createAccounts({ db: database.databases, hasher });
  await accounts.add({ userName: "anna", password: "the old password", role: "expert" });
  const logOn = accounts.logOn({ userName: "anna", password: "the old password", address: "127.0.0.1" });
  await asked.promise;

  const reset = await accounts.reset("anna", async () => undefined);
  answer.resolve(true);

  await expect(logOn).rejects.toMatchObject({ code: "session.credentials_wrong" });
  expect(reset.sessionsEnded).toBe(0);
  const { rows } = await sql`select 1 from accounts_sessions`.execute(database.databases.app);
  expect(rows).toEqual([]);
});

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { newId } from "@tms/records";
import { createAudit, createSecretBox, openBesideServer } from "@tms/server-kit";
import { createTestDatabase } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import { createOpenRepository, createRepositoryStore } from "#app/patterns/index.ts";
import { exportOnlineKeys, restoreOnlineKeys } from "./online-keys.ts";
import { ceremonyFor } from "./portal-under-test.contract.ts";

const MIGRATIONS = [fileURLToPath(new URL("../migrations", import.meta.url))];

test("online keys that another sealing key closed are sealed anew from an export, and only those", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tms-online-keys-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  await using database = await createTestDatabase({ migrations: MIGRATIONS });
  const db = await openBesideServer(database.url);
  onTestFinished(() => db.close());
  const box = (name: string) => createSecretBox({ keyFile: join(directory, name) });
  const clock = { now: () => new Date() };
  const openRepository = createOpenRepository({
    repositories: createRepositoryStore(db, box("old")),
    putBlob: async (scope, name) => `${scope.customer}/${name}`,
    clock,
  });
  const { keys } = ceremonyFor("Acme");
  const decoded = (files: Record<string, string>) =>
    new Map(Object.entries(files).map(([name, base64]) => [name, Buffer.from(base64, "base64")]));
  const bundle = { ...keys, metadata: decoded(keys.metadata), targets: decoded(keys.targets) };
  await openRepository({ customer: keys.customer.id }, bundle);

  const exported = await exportOnlineKeys({ db, secrets: box("old") });
  const foreign = exportOnlineKeys({ db, secrets: box("new") });
  await expect(foreign).rejects.toMatchObject({ code: "secret.unreadable" });
  const text = JSON.stringify([...exported.onlineKeys, { ...exported.onlineKeys[0], customer: newId() }]);
  const restored = await restoreOnlineKeys({ db, secrets: box("new") }, text);
  const again = await restoreOnlineKeys({ db, secrets: box("new") }, text);

  expect(exported.onlineKeys).toEqual([{ customer: keys.customer.id, ...keys.onlineKeys }]);
  expect([restored, again]).toMatchObject([
    { good: 0, restored: 1, no_customer: 1 },
    { good: 1, restored: 0, no_customer: 1 },
  ]);
  expect((await exportOnlineKeys({ db, secrets: box("new") })).onlineKeys).toEqual(exported.onlineKeys);
  const { rows } = await createAudit({ db }).list({ page: 1, pageSize: 10 });
  expect(rows.map(({ action }) => action)).toEqual(["keys.exported", "keys.restored", "keys.exported"]);
  expect(JSON.stringify(rows)).not.toContain("PRIVATE KEY");
});

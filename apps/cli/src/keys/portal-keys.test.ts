import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthority, createSshHostKey } from "@tms/link";
import { createTestDatabase, TestClock } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import { runCommand } from "../run-command.ts";

const MIGRATIONS = join(import.meta.dirname, "..", "..", "..", "portal", "migrations");
const io = { say: () => undefined, now: () => new Date(), signal: new AbortController().signal };
const tms = (...argv: string[]) => runCommand(argv, io);

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tms-portal-keys-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

/** A portal's folder as its first start leaves it, and its database. */
async function portal(has: "keys" | "nothing") {
  const directory = await scratch();
  const database = await createTestDatabase({ migrations: [MIGRATIONS] });
  onTestFinished(() => database.drop());
  const dataDir = join(directory, "data");
  if (has === "keys") {
    await mkdir(dataDir, { mode: 0o700 });
    await createAuthority({ directory: dataDir, name: "Portal CA", clock: new TestClock(new Date()) });
    await createSshHostKey(dataDir);
    await writeFile(join(dataDir, "secret-key"), `${Buffer.alloc(32, 9).toString("base64")}\n`, { mode: 0o600 });
  }
  const config = join(directory, "portal.json");
  await writeFile(config, JSON.stringify({ dataDir, database: { url: database.url } }));
  await writeFile(join(directory, "passphrase"), "a long passphrase\n");
  const file = join(directory, "portal-keys.age");
  const passphrase = ["--passphrase-file", join(directory, "passphrase")];
  return {
    directory,
    dataDir,
    file,
    export: (...more: string[]) => tms("keys", "export", "--portal", config, "--out", file, ...passphrase, ...more),
    import: (from: string, ...more: string[]) =>
      tms("keys", "import", from, "--portal", config, ...passphrase, ...more),
  };
}

async function filesOf(directory: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of await readdir(directory)) files[name] = await readFile(join(directory, name), "utf8");
  return files;
}

test("what was exported is age, tells nothing, and comes out the same, for the owner alone", async () => {
  const [from, to] = [await portal("keys"), await portal("nothing")];

  const exported = await from.export();
  const imported = await to.import(from.file);
  const again = await to.import(from.file);

  expect(again).toMatchObject({ exit: 0, line: { ok: true, written: [] } });
  expect(exported).toMatchObject({ exit: 0, line: { ok: true, customers: 0 } });
  const sealed = (await readFile(from.file)).toString("latin1");
  expect(sealed.startsWith("age-encryption.org/v1\n-> scrypt ")).toBe(true);
  expect(sealed).not.toMatch(/PRIVATE KEY|ca-key|portal-keys\/1/);
  expect(imported).toMatchObject({ exit: 0, line: { ok: true, sameHost: true } });
  expect(await filesOf(to.dataDir)).toEqual(await filesOf(from.dataDir));
  const modes = await Promise.all(
    [from.file, to.dataDir, join(to.dataDir, "ca-key.pem")].map(async (path) => (await stat(path)).mode & 0o777),
  );
  expect(modes).toEqual([0o600, 0o700, 0o600]);
  expect(JSON.stringify([exported, imported])).not.toMatch(/PRIVATE KEY|CQkJCQ/);
});

test("a wrong passphrase, a changed file and a file that is none open nothing and write nothing", async () => {
  const [from, to] = [await portal("keys"), await portal("nothing")];
  await from.export();
  const bytes = await readFile(from.file);
  const changed = join(to.directory, "changed.age");
  await writeFile(changed, Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]));
  await writeFile(join(to.directory, "other"), "another passphrase\n");

  const ends = [
    await to.import(from.file, "--passphrase-file", join(to.directory, "other")),
    await to.import(changed),
    await to.import(join(to.directory, "portal.json")),
    await to.import(join(to.directory, "nothing.age")),
  ];

  expect(ends.map(({ exit, line }) => [exit, line.code])).toEqual([
    [2, "keys.passphrase_wrong"],
    [2, "keys.passphrase_wrong"],
    [2, "keys.passphrase_wrong"],
    [2, "cli.input_unreadable"],
  ]);
  await expect(stat(to.dataDir)).rejects.toMatchObject({ code: "ENOENT" });
});

test("an import puts no key over another portal's, not even the missing ones beside it", async () => {
  const [from, to] = [await portal("keys"), await portal("keys")];
  await from.export();
  await rm(join(to.dataDir, "secret-key"));
  const before = await filesOf(to.dataDir);

  const imported = await to.import(from.file);

  expect(imported).toMatchObject({ exit: 2, line: { ok: false, code: "keys.exists" } });
  expect(await filesOf(to.dataDir)).toEqual(before);
});

test("an export demands a passphrase worth the name, overwrites nothing, and needs a portal that was started", async () => {
  const [from, fresh] = [await portal("keys"), await portal("nothing")];
  await writeFile(join(from.directory, "short"), "hunter2\n");

  const short = await from.export("--passphrase-file", join(from.directory, "short"));
  await writeFile(from.file, "something else");
  const over = await from.export();
  const never = await fresh.export();

  expect([short, over, never].map(({ exit, line }) => [exit, line.code])).toEqual([
    [2, "cli.usage"],
    [2, "cli.output_exists"],
    [3, "store.never_made"],
  ]);
  expect(await readFile(from.file, "utf8")).toBe("something else");
});

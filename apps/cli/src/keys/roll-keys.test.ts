import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthority, createSshHostKey, openKeyRoll } from "@tms/link";
import { systemClock } from "@tms/records";
import { createTestDatabase } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import { runCommand } from "../run-command.ts";

// The command over the servers' own programs, files and databases; the servers themselves do not run.

const APPS = join(import.meta.dirname, "..", "..", "..");

async function server(name: "portal" | "mitigator") {
  const directory = await mkdtemp(join(tmpdir(), "tms-roll-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const database = await createTestDatabase({ migrations: [join(APPS, name, "migrations")] });
  onTestFinished(() => database.drop());
  const dataDir = join(directory, "data");
  const caDirectory = name === "portal" ? dataDir : join(dataDir, "ca");
  await mkdir(caDirectory, { mode: 0o700, recursive: true });
  const authority = await createAuthority({ directory: caDirectory, name: "CA", clock: systemClock });
  await createSshHostKey(dataDir);
  await writeFile(join(dataDir, "secret-key"), `${Buffer.alloc(32, 9).toString("base64")}\n`, { mode: 0o600 });
  const config = join(directory, `${name}.json`);
  await writeFile(config, JSON.stringify({ dataDir, database: { url: database.url } }));
  const passphrase = join(directory, "passphrase");
  await writeFile(passphrase, "a long passphrase\n");
  const said: string[] = [];
  const io = {
    say: (text: string) => void said.push(text),
    now: () => new Date(),
    signal: AbortSignal.timeout(60_000),
  };
  const tms = (...argv: string[]) => runCommand(argv, io);
  return {
    authority,
    caDirectory,
    dataDir,
    said,
    roll: (...argv: string[]) => tms("keys", "roll", ...argv, `--${name}`, config),
    moveKeys: (verb: "export" | "import", file: string) => {
      const named = ["--portal", config, "--passphrase-file", passphrase];
      return verb === "export" ? tms("keys", verb, "--out", file, ...named) : tms("keys", verb, file, ...named);
    },
    export: join(directory, "keys.age"),
  };
}

test("takes a step of a mitigator's CA and says how it stands, in sentences or in its last line alone", async () => {
  const { authority, roll, said } = await server("mitigator");

  const begun = await roll("ca", "begin", "--json");
  const saidAtFirst = [...said];
  const status = await roll("ca", "status");

  expect(begun).toMatchObject({
    exit: 0,
    line: { schema: "tms.keys-roll/1", server: "mitigator", phase: "announced" },
  });
  expect(status.line).toEqual(begun.line);
  expect(status.line).toMatchObject({ present: authority.spkiPin, confirmed: 0, waiting: [] });
  const next = String(status.line.next);
  expect(saidAtFirst).toEqual([]);
  expect(said).toEqual([`The CA ${authority.spkiPin} serves; ${next} is announced.`, `0 of 0 trust ${next}.`]);
});

test("rolls over a portal's SSH host key and can abandon that; neither line nor sentence holds a key", async () => {
  const { roll, dataDir, said } = await server("portal");

  const begun = await roll("ssh-host-key", "begin");
  const kept = await readFile(join(dataDir, "ssh-host-key-roll.json"), "utf8");
  const abandoned = await roll("ssh-host-key", "abandon");

  expect(begun.line).toMatchObject({ phase: "announced", next: expect.stringMatching(/^SHA256:/) });
  expect(abandoned.line).toMatchObject({ phase: "none", present: begun.line.present, next: null });
  expect(kept).toContain("PRIVATE KEY");
  expect(JSON.stringify([begun, abandoned, said])).not.toContain("PRIVATE KEY");
  expect(await readdir(dataDir)).not.toContain("ssh-host-key-roll.json");
});

test.each([
  ["no key", []],
  ["an unknown key", ["tls", "begin"]],
  ["an unknown step", ["ca", "undo"]],
  ["one word too many", ["ca", "begin", "now"]],
])("refuses %s before it asks any server", async (_, argv) => {
  const io = { say: () => undefined, now: () => new Date(), signal: AbortSignal.timeout(60_000) };

  const { exit, line } = await runCommand(["keys", "roll", ...argv, "--portal", "/nowhere/portal.json"], io);

  expect([exit, line.code]).toEqual([2, "cli.usage"]);
});

test("passes on the code with which the server's program refuses, and changes nothing", async () => {
  const { roll, caDirectory } = await server("portal");
  const before = (await readdir(caDirectory)).toSorted();

  const ended = await roll("ca", "retire");

  expect([ended.exit, ended.line.code]).toEqual([1, "roll.not_begun"]);
  expect((await readdir(caDirectory)).toSorted()).toEqual(before);
});

test("an export in the middle of a roll-over holds the next key: where it is imported the roll-over goes on", async () => {
  const [from, to] = [await server("portal"), await server("portal")];
  const rollOf = (directory: string) => openKeyRoll("ca", { directory, clock: systemClock });
  await rollOf(from.dataDir).begin();
  for (const name of await readdir(to.dataDir)) await rm(join(to.dataDir, name));

  await from.moveKeys("export", from.export);
  const imported = await to.moveKeys("import", from.export);

  expect(imported.line).toMatchObject({ ok: true });
  expect(await rollOf(to.dataDir).state()).toEqual(await rollOf(from.dataDir).state());
});

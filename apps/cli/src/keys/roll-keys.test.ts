import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthority, createSshHostKey } from "@tms/link";
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

test.each(["portal", "mitigator"] as const)(
  "takes every step of the CA of a %s, and says how it stands",
  async (name) => {
    const { authority, roll, said } = await server(name);
    const lines = [];

    for (const step of ["begin", "switch", "retire"]) {
      const { exit, line } = await roll("ca", step, "--json");
      lines.push([exit, line.schema, line.server, line.phase]);
    }
    const saidBefore = [...said];
    const { line } = await roll("ca", "status");

    const phases = ["announced", "switched", "none"];
    expect(lines).toEqual(phases.map((phase) => [0, "tms.keys-roll/1", name, phase]));
    expect(line).toMatchObject({ next: null, confirmed: 0, waiting: [] });
    expect(line.present).not.toBe(authority.spkiPin);
    expect(saidBefore).toEqual([]);
    expect(said).toEqual([`The CA is ${String(line.present)}; nothing rolls over.`, "0 of 0 trust it."]);
  },
);

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
  ["no key", [], 2, "cli.usage"],
  ["an unknown key", ["tls", "begin"], 2, "cli.usage"],
  ["an unknown step", ["ca", "undo"], 2, "cli.usage"],
  ["one word too many", ["ca", "begin", "now"], 2, "cli.usage"],
  ["a step out of turn", ["ca", "retire"], 1, "roll.not_begun"],
] as const)("refuses %s with its code, and changes nothing", async (_, argv, exit, code) => {
  const { roll, caDirectory } = await server("portal");
  const before = (await readdir(caDirectory)).toSorted();

  const ended = await roll(...argv);

  expect([ended.exit, ended.line.code]).toEqual([exit, code]);
  expect((await readdir(caDirectory)).toSorted()).toEqual(before);
});

test("a mitigator has no SSH host key", async () => {
  const { roll } = await server("mitigator");

  expect((await roll("ssh-host-key", "begin")).line).toMatchObject({ ok: false, code: "cli.usage" });
});

test("an export in the middle of a roll-over holds the next key: where it is imported the roll-over goes on", async () => {
  const [from, to] = [await server("portal"), await server("portal")];
  const begun = await from.roll("ca", "begin");
  await from.moveKeys("export", from.export);
  for (const name of await readdir(to.dataDir)) await rm(join(to.dataDir, name));

  const imported = await to.moveKeys("import", from.export);
  const switched = await to.roll("ca", "switch");

  expect(imported.line).toMatchObject({ ok: true });
  expect(switched.line).toMatchObject({ phase: "switched", present: begun.line.present, next: begun.line.next });
});

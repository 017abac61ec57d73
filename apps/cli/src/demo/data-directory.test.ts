import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openDataDirectory } from "./data-directory.ts";

test("refuses a second start over the same directory, and names the first", async () => {
  const path = temporaryDirectory();
  const first = await openDataDirectory(path, { fresh: false });

  const second = openDataDirectory(path, { fresh: false });

  await expect(second).rejects.toMatchObject({ code: "start.directory_locked", details: { pid: process.pid } });
  await first.release();
});

test("takes over the lock of a process that was killed", async () => {
  const path = temporaryDirectory();
  // The pid lives (it is ours), but it started at another time: the lock's holder is gone.
  writeFileSync(join(path, "lock.json"), JSON.stringify({ pid: process.pid, startTicks: "1" }));

  const taken = await openDataDirectory(path, { fresh: false });

  expect(JSON.parse(readFileSync(join(path, "lock.json"), "utf8"))).toMatchObject({ pid: process.pid });
  await taken.release();
  expect(existsSync(join(path, "lock.json"))).toBe(false);
});

test("takes over a lock that a power cut tore", async () => {
  const path = temporaryDirectory();
  writeFileSync(join(path, "lock.json"), '{"pid":');

  const taken = await openDataDirectory(path, { fresh: false });

  await taken.release();
});

test("begins anew only when asked to", async () => {
  const path = temporaryDirectory();
  writeFileSync(join(path, "kept"), "");

  await (await openDataDirectory(path, { fresh: false })).release();
  const keptFirst = existsSync(join(path, "kept"));
  await (await openDataDirectory(path, { fresh: true })).release();

  expect(keptFirst).toBe(true);
  expect(existsSync(join(path, "kept"))).toBe(false);
});

test("refuses a directory whose name a shell would interpret", async () => {
  const opening = openDataDirectory("/tmp/$(id) x", { fresh: false });

  await expect(opening).rejects.toMatchObject({ code: "start.config_invalid" });
});

test("says so when the directory cannot be written", async () => {
  const file = join(temporaryDirectory(), "a-file");
  writeFileSync(file, "");

  const opening = openDataDirectory(join(file, "below"), { fresh: false });

  await expect(opening).rejects.toMatchObject({ code: "start.directory_unwritable" });
});

function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "tms-data-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

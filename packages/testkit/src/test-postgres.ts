import { spawn } from "node:child_process";
import { open, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { runDirectory, runOwner } from "./run-directory.ts";

const READY_WITHIN_MS = 110_000;
const LOOK_MS = 25;

/**
 * The owner's address of the run's shared PostgreSQL, database `tests`. The first file that asks starts it; a small
 * process of its own holds it and removes it, data and all, when the run ends or is killed.
 */
export async function sharedPostgresUrl(): Promise<string> {
  const owner = await runOwner();
  const directory = await runDirectory(owner);
  if (await isFirst(directory)) {
    const main = fileURLToPath(new URL("./test-postgres-main.ts", import.meta.url));
    const holder = spawn(process.execPath, [main, directory, String(owner.pid), owner.startTicks], {
      detached: true,
      stdio: "ignore",
      env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR },
    });
    holder.unref();
  }
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const published = await readIfThere(join(directory, "postgres.json"));
    if (published !== null) return (JSON.parse(published) as { url: string }).url;
    const failed = await readIfThere(join(directory, "postgres-failed.txt"));
    if (failed !== null) throw new Error(`The test PostgreSQL did not start: ${failed}`);
    if (Date.now() > deadline) throw new Error("The test PostgreSQL did not start in time.");
    await wait(LOOK_MS);
  }
}

/** Written whole or not at all, so that a reader never sees half of it. */
export async function publish(directory: string, facts: { url: string }): Promise<void> {
  const draft = join(directory, "postgres.json.draft");
  await writeFile(draft, JSON.stringify(facts), { mode: 0o600 });
  await rename(draft, join(directory, "postgres.json"));
}

async function isFirst(directory: string): Promise<boolean> {
  try {
    await (await open(join(directory, "postgres.lock"), "wx", 0o600)).close();
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

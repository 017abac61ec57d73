import { open, readdir, readFile, rm, statfs, unlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { makeDataDirectory } from "@tms/link";
import { AppError } from "@tms/records";
import { isAlive, type ProcessFacts, processFacts } from "./plant/process-facts.ts";

/** Room for two runs with their stores; a start that fills the disk half-way helps nobody. */
const MIN_FREE_BYTES = 600 * 1024 * 1024;

export interface DataDirectory {
  path: string;
  release(): Promise<void>;
}

/**
 * Takes the data directory for this start alone.
 *
 * @throws {AppError} `start.directory_unwritable`, `start.directory_full`, `start.directory_locked`, `start.config_invalid`.
 */
export async function openDataDirectory(requested: string, options: { fresh: boolean }): Promise<DataDirectory> {
  const path = resolve(requested);
  // The planted shell text names this path; a person's odd folder name must not become shell code.
  if (!/^[A-Za-z0-9/._-]+$/.test(path))
    throw new AppError("start.config_invalid", { key: "TMS_DATA_DIR", path, allowed: "letters, digits, / . _ -" });
  makeDataDirectory(path, { mode: 0o755 });
  const { bavail, bsize } = await statfs(path);
  if (bavail * bsize < MIN_FREE_BYTES)
    throw new AppError("start.directory_full", { path, freeBytes: bavail * bsize, neededBytes: MIN_FREE_BYTES });
  const lock = join(path, "lock.json");
  await takeLock(lock);
  if (options.fresh) await empty(path);
  return { path, release: () => unlink(lock) };
}

async function takeLock(lock: string): Promise<void> {
  const own = await processFacts(process.pid);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      const handle = await open(lock, "wx", 0o600);
      await handle.writeFile(JSON.stringify(own));
      await handle.close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const holder = await holderOf(lock);
      if (holder !== null && (await isAlive(holder)))
        throw new AppError("start.directory_locked", { lock, pid: holder.pid }, { cause: error });
      // Left over from a kill -9: its process is gone.
      await rm(lock, { force: true });
    }
  }
  throw new AppError("start.directory_locked", { lock });
}

async function holderOf(lock: string): Promise<ProcessFacts | null> {
  try {
    return JSON.parse(await readFile(lock, "utf8")) as ProcessFacts;
  } catch (error) {
    // A lock torn by a power cut names nobody; a lock that just vanished neither.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

async function empty(path: string): Promise<void> {
  for (const entry of await readdir(path)) {
    if (entry !== "lock.json") await rm(join(path, entry), { recursive: true, force: true });
  }
}

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { readTextIfThere } from "../private-directory.ts";
import { keptPlace } from "./data-place.ts";
import { servesData } from "./postgres-process.ts";
import { OWNER_NAME } from "./start-postgres.ts";

export type FoundPostgres =
  | { state: "absent" }
  | { state: "stopped"; place: string }
  | { state: "running"; place: string; url(database: string): string };

/**
 * Looks, without touching anything, whether a directory's PostgreSQL exists and runs; for commands that work beside a
 * running server.
 */
export async function findPostgres(directory: string): Promise<FoundPostgres> {
  const place = await keptPlace(directory);
  const data = join(place, "data");
  if (!(await isThere(join(data, "PG_VERSION")))) return { state: "absent" };
  const lines = (await readTextIfThere(join(data, "postmaster.pid")))?.split("\n") ?? [];
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  const password = await readTextIfThere(join(directory, "postgres-password"));
  const runs = Number.isInteger(pid) && pid > 1 && (await servesData(pid, data));
  if (!runs || !Number.isInteger(port) || password === null) return { state: "stopped", place };
  return {
    state: "running",
    place,
    url: (database) => `postgres://${OWNER_NAME}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
  };
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

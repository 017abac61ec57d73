import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@tms/records";
import { directoryError, makePrivateDirectory, readTextIfThere, writePrivateFile } from "../private-directory.ts";
import { type ServiceAccount, serviceAccount } from "./service-account.ts";

/** Reachable by every account, whatever the mode of the checkout or of the data directory. */
export const REACHABLE_ROOT = "/var/lib/tms-stores";

export interface DataPlace {
  /** Holds `data` and `postgres.log`; owned by the account that runs PostgreSQL. */
  directory: string;
  /** Null: PostgreSQL runs as we do. */
  account: ServiceAccount | null;
}

/**
 * Where the database of a data directory lies. As an ordinary user: inside it. As root: below `/var/lib/tms-stores`,
 * owned by an unprivileged account, under a random name that the data directory holds in `postgres-place.json`.
 * So a deleted data directory begins an empty database, and a moved one keeps its own.
 *
 * @throws {AppError} `start.directory_unwritable`, `start.directory_full`, `start.account_missing`.
 */
export async function dataPlace(directory: string): Promise<DataPlace> {
  await makePrivateDirectory(directory);
  if (process.getuid?.() !== 0) return { directory, account: null };
  const account = await serviceAccount();
  const place = join(REACHABLE_ROOT, await placeName(directory));
  try {
    await mkdir(REACHABLE_ROOT, { recursive: true, mode: 0o755 });
    await chmod(REACHABLE_ROOT, 0o755);
  } catch (error) {
    throw directoryError(error, REACHABLE_ROOT);
  }
  await makePrivateDirectory(place);
  await chown(place, account.uid, account.gid);
  return { directory: place, account };
}

/** Where the database of a directory would lie, without making anything. */
export async function keptPlace(directory: string): Promise<string> {
  const name = await keptName(directory);
  return name === null ? directory : join(REACHABLE_ROOT, name);
}

async function placeName(directory: string): Promise<string> {
  const kept = await keptName(directory);
  if (kept !== null) return kept;
  const name = randomBytes(16).toString("hex");
  const why = "PostgreSQL refuses to run as root, so the database lies there, owned by the account tms-store.";
  const text = `${JSON.stringify({ name, directory: join(REACHABLE_ROOT, name), why }, null, 2)}\n`;
  await writePrivateFile(join(directory, PLACE_FILE), text);
  return name;
}

const PLACE_FILE = "postgres-place.json";

async function keptName(directory: string): Promise<string | null> {
  const file = join(directory, PLACE_FILE);
  const kept = await readTextIfThere(file);
  if (kept === null) return null;
  const value: unknown = JSON.parse(kept);
  const name = typeof value === "object" && value !== null && "name" in value ? value.name : null;
  // The name becomes a path that root creates: nothing but our own form is believed.
  if (typeof name === "string" && /^[0-9a-f]{32}$/.test(name)) return name;
  throw new AppError("start.store_failed", { file, reason: "the place of the database is not readable" });
}

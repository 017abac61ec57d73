import { chmod, mkdir, open, readFile, rename, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@tms/records";

/** Less than this cannot hold a fresh database (an empty one takes about 40 MB, its first log segment 16 MB). */
const LEAST_FREE_BYTES = 96 * 1024 * 1024;

/**
 * Makes a directory that only its owner reads, and proves that it can be written and has room.
 *
 * @throws {AppError} `start.directory_unwritable`, `start.directory_full`.
 */
export async function makePrivateDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
    const probe = join(directory, `.probe-${process.pid}`);
    await writePrivateFile(probe, "probe");
    await rm(probe);
  } catch (error) {
    throw directoryError(error, directory);
  }
  const { bavail, bsize } = await statfs(directory);
  const freeBytes = bavail * bsize;
  if (freeBytes < LEAST_FREE_BYTES) throw new AppError("start.directory_full", { directory, freeBytes });
}

/** Tells a full disk from a directory that is not ours; anything else passes unchanged. */
export function directoryError(error: unknown, directory: string): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  if (error.code === "ENOSPC" || error.code === "EDQUOT") {
    return new AppError("start.directory_full", { directory }, { cause: error });
  }
  if (["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST", "ENOENT"].includes(String(error.code))) {
    return new AppError("start.directory_unwritable", { directory }, { cause: error });
  }
  return error;
}

/** Writes a 0600 file whole or not at all; it is on disk when this returns. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.draft`;
  await rm(draft, { force: true });
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

export async function readTextIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

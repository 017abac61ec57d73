import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { AppError } from "@tms/records";

/**
 * Makes a process's data directory and proves that it can be written.
 *
 * @param path Absolute. Missing folders above it are made as well.
 * @param options `mode` of what is made; only the demo, whose PostgreSQL has an account of its own, opens it to others.
 * @throws {AppError} `start.directory_unwritable`, `start.directory_full`.
 */
export function makeDataDirectory(path: string, options: { mode: number } = { mode: 0o700 }): void {
  try {
    makeFolder(path, options.mode);
    // Root passes `access` on a read-only file system; only writing tells.
    const probe = join(path, `.probe-${process.pid}`);
    writeFileSync(probe, "", { mode: 0o600 });
    rmSync(probe);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isFull = code === "ENOSPC" || code === "EDQUOT";
    throw new AppError(isFull ? "start.directory_full" : "start.directory_unwritable", { path }, { cause: error });
  }
}

/**
 * One level at a time, not `recursive`: Node's own recursion never ends where a parent exists and yet answers ENOENT,
 * as /proc does, and keeps a processor busy meanwhile.
 */
function makeFolder(path: string, mode: number): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  if (found === undefined && dirname(path) !== path) makeFolder(dirname(path), mode);
  mkdirSync(path, { mode });
}

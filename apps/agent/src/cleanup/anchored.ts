import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync } from "node:fs";
import { AppError, type ErrorCode } from "@tms/records";

// Reaching a file so that nobody can change what a name means on the way (the races of CVE-2020-3350 and its kin).
// I1  Each folder is opened from the one above it, without following links, and held: its name may be changed afterwards.
// I2  All work on a name happens through the held folder (`/proc/self/fd/N/name`), never by a path from the root.
// I3  A decision is about the opened file, by device and inode, never about a name.

/** `O_PATH`: the same number on every architecture that Node runs on. Needs no right to list the folder. */
const O_PATH = 0o10000000;
const FOLDER_FLAGS = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const SLASH = 0x2f;

/** A held folder and a name in it; `close` lets go. */
export interface Anchor {
  folder: number;
  name: Buffer;
  /** The name as seen through the held folder. */
  at: Buffer;
  close(): void;
}

export interface OpenedFile extends Anchor {
  fd: number;
  stat: BigIntStats;
}

/** Walks to the folder of `path`. @throws {AppError} `cleanup.target_missing`, `cleanup.target_changed`. */
export function anchor(path: Buffer): Anchor {
  const parts = split(path);
  const name = parts.pop();
  if (name === undefined) throw new AppError("cleanup.not_regular_file", {});
  const folder = holdFolders(parts);
  return { folder, name, at: through(folder, name), close: () => closeSync(folder) };
}

/** Holds a folder itself. */
export function holdFolder(path: Buffer): number {
  return holdFolders(split(path));
}

export function through(folder: number, name: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${folder}/`), Buffer.from(name)]);
}

/**
 * Opens a regular file for reading through its held folder.
 *
 * @throws {AppError} `cleanup.target_missing`, `cleanup.target_changed`, `cleanup.not_regular_file` (at once, also for a
 * FIFO or a device, which are never opened).
 */
export function openAnchored(path: Buffer): OpenedFile {
  const held = anchor(path);
  try {
    const before = lstatSync(held.at, { bigint: true });
    if (!before.isFile()) throw new AppError("cleanup.not_regular_file", {});
    const fd = openSync(held.at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(fd, { bigint: true });
    if (!sameFile(before, stat)) {
      closeSync(fd);
      throw new AppError("cleanup.target_changed", {});
    }
    return {
      ...held,
      fd,
      stat,
      close: () => {
        closeSync(fd);
        held.close();
      },
    };
  } catch (error) {
    held.close();
    throw asTargetError(error, "cleanup.not_regular_file");
  }
}

export function sameFile(a: { dev: bigint; ino: bigint }, b: { dev: bigint; ino: bigint }): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/** A failed step towards the target as one of our codes; anything else stays what it is. */
export function asTargetError(error: unknown, onLink: ErrorCode): unknown {
  switch (codeOf(error)) {
    case "ENOENT":
      return new AppError("cleanup.target_missing", {}, { cause: error });
    case "ELOOP":
      return new AppError(onLink, {}, { cause: error });
    case "ENOTDIR":
      return new AppError("cleanup.target_changed", {}, { cause: error });
    default:
      return error;
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function holdFolders(parts: readonly Buffer[]): number {
  let held = openSync("/", FOLDER_FLAGS);
  for (const part of parts) {
    try {
      const next = openSync(through(held, part), FOLDER_FLAGS);
      closeSync(held);
      held = next;
    } catch (error) {
      closeSync(held);
      // A link where a folder was: somebody swaps names.
      throw asTargetError(error, "cleanup.target_changed");
    }
  }
  return held;
}

function split(path: Buffer): Buffer[] {
  if (path[0] !== SLASH || path.includes(0)) throw new AppError("cleanup.target_outside", {});
  const parts: Buffer[] = [];
  for (let from = 1; from <= path.length; ) {
    const slash = path.indexOf(SLASH, from);
    const to = slash === -1 ? path.length : slash;
    const part = path.subarray(from, to);
    if (part.equals(Buffer.from(".")) || part.equals(Buffer.from("..")))
      throw new AppError("cleanup.target_outside", {});
    if (part.length > 0) parts.push(part);
    from = to + 1;
  }
  return parts;
}

import { createHash } from "node:crypto";
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from "node:fs";
import type { Sha256 } from "@tms/records";

export type ReadFile =
  | { kind: "read"; bytes: Buffer; sha256: Sha256; stat: BigIntStats }
  | {
      kind: "not-read";
      why: "gone" | "not-regular" | "too-large" | "denied" | "led-elsewhere";
      stat: BigIntStats | null;
    };

/**
 * Reads a regular file whole, so that what is hashed is what is scanned. Never follows a link, never hangs on a FIFO.
 *
 * @param limits `mayRead` is asked for the path that the open descriptor has: a folder above the file may have become a
 *   link since somebody looked at the path's text.
 */
export function readWholeFile(
  path: Buffer,
  limits: { maxBytes: number; mayRead: (realPath: Buffer) => boolean },
): ReadFile {
  const { maxBytes, mayRead } = limits;
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    const why = code === "EACCES" || code === "EPERM" ? "denied" : code === "ELOOP" ? "not-regular" : "gone";
    return { kind: "not-read", why, stat: null };
  }
  try {
    const stat = fstatSync(fd, { bigint: true });
    if (!stat.isFile()) return { kind: "not-read", why: "not-regular", stat };
    if (!mayRead(pathOfDescriptor(fd))) return { kind: "not-read", why: "led-elsewhere", stat };
    if (stat.size > BigInt(maxBytes)) return { kind: "not-read", why: "too-large", stat };
    const bytes = readUpTo(fd, maxBytes);
    if (bytes === null) return { kind: "not-read", why: "too-large", stat };
    const sha256 = createHash("sha256").update(bytes).digest("hex") as Sha256;
    return { kind: "read", bytes, sha256, stat };
  } finally {
    closeSync(fd);
  }
}

const DELETED = Buffer.from(" (deleted)");

function pathOfDescriptor(fd: number): Buffer {
  const path = readlinkSync(`/proc/self/fd/${fd}`, { encoding: "buffer" });
  return path.subarray(-DELETED.length).equals(DELETED) ? path.subarray(0, -DELETED.length) : path;
}

const CHUNK_BYTES = 256 * 1024;

function readUpTo(fd: number, maxBytes: number): Buffer | null {
  const parts: Buffer[] = [];
  let total = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const got = readSync(fd, chunk, 0, chunk.length, total);
    if (got === 0) return Buffer.concat(parts);
    total += got;
    if (total > maxBytes) return null;
    parts.push(chunk.subarray(0, got));
  }
}

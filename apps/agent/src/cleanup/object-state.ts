import { createHash } from "node:crypto";
import { type BigIntStats, fchmodSync, fchownSync, futimesSync, readSync } from "node:fs";
import { AppError, type Sha256 } from "@tms/records";
import { openAnchored } from "./anchored.ts";
import type { ObjectState } from "./journal.ts";

const CHUNK_BYTES = 1024 * 1024;
/** Set-user-id and set-group-id: never restored without a separate approval. */
const SET_ID_BITS = 0o6000;
const PERMISSION_BITS = 0o7777;

export function stateOf(stat: BigIntStats, sha256: Sha256): ObjectState {
  return {
    dev: String(stat.dev),
    ino: String(stat.ino),
    mode: Number(stat.mode) & PERMISSION_BITS,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    sizeBytes: Number(stat.size),
    atimeNs: String(stat.atimeNs),
    mtimeNs: String(stat.mtimeNs),
    sha256,
  };
}

/** Gives a file back its owner, mode and, if asked, its times (to the microsecond, which is what Node can set). */
export function dress(fd: number, before: ObjectState, times: "restore times" | "leave times"): void {
  // Owner first: a change of owner clears set-id bits and may need the mode of before.
  fchownSync(fd, before.uid, before.gid);
  fchmodSync(fd, before.mode & ~SET_ID_BITS);
  if (times === "restore times") futimesSync(fd, secondsOf(before.atimeNs), secondsOf(before.mtimeNs));
}

export function hashOfOpen(fd: number): { sha256: Sha256; sizeBytes: number } {
  const hash = createHash("sha256");
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let total = 0;
  for (;;) {
    const got = readSync(fd, chunk, 0, chunk.length, total);
    if (got === 0) return { sha256: hash.digest("hex") as Sha256, sizeBytes: total };
    hash.update(chunk.subarray(0, got));
    total += got;
  }
}

/** The hash of the regular file at a path, null where none stands. */
export function hashAt(path: Buffer): Sha256 | null {
  let file: ReturnType<typeof openAnchored>;
  try {
    file = openAnchored(path);
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
  try {
    return hashOfOpen(file.fd).sha256;
  } finally {
    file.close();
  }
}

export function sha256Hex(bytes: Uint8Array): Sha256 {
  return createHash("sha256").update(bytes).digest("hex") as Sha256;
}

function secondsOf(ns: string): number {
  return Number(ns) / 1e9;
}

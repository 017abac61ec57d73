import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { closeSync, constants, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { AppError } from "@tms/records";
import type { ObjectState } from "./journal.ts";

// The quarantine container: one file, encrypted, with everything needed to put it back.
//   magic "TMSQ" · version 1 · header length (u32) · header JSON · frames
//   frame: length (u32, top bit = final) · AES-256-GCM(plain ≤ 1 MiB) · tag 16
// I1  The header is authenticated: its SHA-256 is additional data of every frame.
// I2  A frame's nonce is its number and whether it is the last: no frame can be dropped, moved or cut off.
// I3  The key is fresh for each container and stands in the header wrapped by the host key.
// This keeps a threat from running or being found by accident, and guards copies and backups; it does not guard against
// root on this machine, who reads the host key.

const MAGIC = Buffer.from("TMSQ\u0001", "latin1");
const FRAME_BYTES = 1024 * 1024;
const TAG_BYTES = 16;
const MAX_HEADER_BYTES = 64 * 1024;
const FINAL = 0x80000000;

export interface ContainerHeader {
  item: string;
  /** base64 of the path's bytes. */
  path: string;
  before: ObjectState;
  /** What the rule found; the stored bytes' own hash is `before.sha256`. */
  detection: string;
  quarantinedAt: string;
}

interface WrittenHeader extends ContainerHeader {
  wrapped: { nonce: string; key: string; tag: string };
}

/**
 * Encrypts an open file into `target` (must not exist) and syncs it.
 *
 * @throws {AppError} `cleanup.target_changed` if the bytes are no longer those of `header.before.sha256`: somebody is
 * still writing.
 */
export function sealContainer(source: number, target: string, keys: { host: Buffer; header: ContainerHeader }): void {
  const key = randomBytes(32);
  const header: WrittenHeader = { ...keys.header, wrapped: wrap(key, keys) };
  const headerBytes = Buffer.from(JSON.stringify(header), "utf8");
  const bound = createHash("sha256").update(headerBytes).digest();
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const out = openSync(target, flags, 0o600);
  try {
    writeAll(out, Buffer.concat([MAGIC, u32(headerBytes.length), headerBytes]));
    const hash = createHash("sha256");
    let position = 0;
    let current = readFrame(source, position);
    for (let number = 0; ; number += 1) {
      position += current.length;
      hash.update(current);
      const next = readFrame(source, position);
      const isFinal = next.length === 0;
      writeAll(out, sealFrame(current, { key, bound, number, isFinal }));
      if (isFinal) break;
      current = next;
    }
    if (hash.digest("hex") !== header.before.sha256) throw new AppError("cleanup.target_changed", {});
    fsyncSync(out);
  } finally {
    closeSync(out);
  }
}

/**
 * Decrypts a container. Nothing may be trusted before this returns: write to a temporary file.
 *
 * @param sink Gets each verified frame in order.
 * @throws {AppError} `quarantine.damaged`.
 */
export function openContainer(file: string, host: Buffer, sink: (plain: Buffer) => void): ContainerHeader {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const start = readExactly(fd, 0, MAGIC.length + 4);
    const length = start.readUInt32BE(MAGIC.length);
    if (!start.subarray(0, MAGIC.length).equals(MAGIC) || length > MAX_HEADER_BYTES) throw damaged("header");
    const headerBytes = readExactly(fd, start.length, length);
    const header = JSON.parse(headerBytes.toString("utf8")) as WrittenHeader;
    const key = unwrap(header, host);
    const bound = createHash("sha256").update(headerBytes).digest();
    const hash = createHash("sha256");
    let position = start.length + length;
    for (let number = 0; ; number += 1) {
      const word = readExactly(fd, position, 4).readUInt32BE(0);
      const isFinal = word >= FINAL;
      const size = isFinal ? word - FINAL : word;
      if (size > FRAME_BYTES) throw damaged("frame length");
      const frame = readExactly(fd, position + 4, size + TAG_BYTES);
      const plain = openFrame(frame, { key, bound, number, isFinal });
      hash.update(plain);
      sink(plain);
      position += 4 + frame.length;
      if (isFinal) break;
    }
    if (hash.digest("hex") !== header.before.sha256) throw damaged("hash");
    const { wrapped: _, ...plainHeader } = header;
    return plainHeader;
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("quarantine.damaged", {}, { cause: error });
  } finally {
    closeSync(fd);
  }
}

interface FramePlace {
  key: Buffer;
  bound: Buffer;
  number: number;
  isFinal: boolean;
}

function sealFrame(plain: Buffer, place: FramePlace): Buffer {
  const cipher = createCipheriv("aes-256-gcm", place.key, nonceOf(place));
  cipher.setAAD(place.bound);
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  const word = (place.isFinal ? FINAL : 0) + body.length;
  return Buffer.concat([u32(word), body, cipher.getAuthTag()]);
}

function openFrame(frame: Buffer, place: FramePlace): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", place.key, nonceOf(place));
  decipher.setAAD(place.bound);
  decipher.setAuthTag(frame.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(frame.subarray(0, -TAG_BYTES)), decipher.final()]);
}

/** Unique under a key that seals one container only (I2, I3). */
function nonceOf({ number, isFinal }: FramePlace): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt8(isFinal ? 1 : 0, 0);
  nonce.writeUInt32BE(number, 8);
  return nonce;
}

function wrap(key: Buffer, keys: { host: Buffer; header: ContainerHeader }): WrittenHeader["wrapped"] {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", keys.host, nonce);
  cipher.setAAD(Buffer.from(keys.header.item, "utf8"));
  const sealed = Buffer.concat([cipher.update(key), cipher.final()]);
  return {
    nonce: nonce.toString("base64"),
    key: sealed.toString("base64"),
    tag: cipher.getAuthTag().toString("base64"),
  };
}

function unwrap(header: WrittenHeader, host: Buffer): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", host, Buffer.from(header.wrapped.nonce, "base64"));
  decipher.setAAD(Buffer.from(header.item, "utf8"));
  decipher.setAuthTag(Buffer.from(header.wrapped.tag, "base64"));
  return Buffer.concat([decipher.update(Buffer.from(header.wrapped.key, "base64")), decipher.final()]);
}

function readFrame(fd: number, position: number): Buffer {
  const chunk = Buffer.allocUnsafe(FRAME_BYTES);
  let filled = 0;
  while (filled < chunk.length) {
    const got = readSync(fd, chunk, filled, chunk.length - filled, position + filled);
    if (got === 0) break;
    filled += got;
  }
  return chunk.subarray(0, filled);
}

function readExactly(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const got = readSync(fd, bytes, filled, length - filled, position + filled);
    if (got === 0) throw damaged("cut off");
    filled += got;
  }
  return bytes;
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}

function damaged(what: string): AppError {
  return new AppError("quarantine.damaged", { what });
}

import { AppError } from "@tms/records";
import { ByteSource } from "./byte-source.ts";

// The archive inside a forensic package: plain ustar (POSIX.1-1988), written and read by our own few lines, because the
// reader faces what a compromised endpoint wrote.
// T1  Only regular files named `manifest.json`, `manifest.sig` or `items/NNNN` exist. No links, no folders, no
//     extensions, no absolute name, no `..`: a name is never joined to a path before it matched.
// T2  Every entry and the whole have a bound that the caller names.
// T3  The archive ends with its two zero blocks and nothing but zeros after them; anything else is truncated or hidden.

const BLOCK = 512;
const NAME = /^(manifest\.json|manifest\.sig|items\/[0-9]{4,6})$/;
/** What eleven octal digits hold. */
const MAX_SIZE = 8 ** 11 - 1;

export interface TarInput {
  name: string;
  sizeBytes: number;
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface TarEntry {
  name: string;
  sizeBytes: number;
  /** To be read to its end before the next entry is asked for. */
  content: AsyncIterable<Buffer>;
}

export interface TarLimits {
  maxEntries: number;
  maxEntryBytes: number;
  maxTotalBytes: number;
}

/**
 * Writes entries as they come; the same entries give the same bytes.
 *
 * @throws {AppError} `package.name_unsafe`; `package.too_large`; `package.unreadable` if a content is not as long as
 *   stated (a file that changed while it was read).
 */
export async function* writeTar(entries: AsyncIterable<TarInput> | Iterable<TarInput>): AsyncGenerator<Buffer> {
  for await (const entry of entries) {
    yield headerOf(entry);
    let written = 0;
    for await (const chunk of entry.content) {
      written += chunk.length;
      if (written > entry.sizeBytes) break;
      yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
    if (written !== entry.sizeBytes) {
      throw new AppError("package.unreadable", { name: entry.name, stated: entry.sizeBytes, got: written });
    }
    yield Buffer.alloc(paddingOf(entry.sizeBytes));
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** The exact size of an archive of entries with these sizes. */
export function tarSize(entrySizes: readonly number[]): number {
  return entrySizes.reduce((sum, size) => sum + BLOCK + size + paddingOf(size), 2 * BLOCK);
}

/**
 * Reads an archive strictly, entry by entry.
 *
 * @throws {AppError} `package.name_unsafe`, `package.too_large`, `package.unreadable`.
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>, limits: TarLimits): AsyncGenerator<TarEntry> {
  const source = new ByteSource(chunks);
  const seen = new Set<string>();
  let total = 0;
  try {
    for (;;) {
      const block = await source.take(BLOCK);
      if (block.length < BLOCK) throw unreadable("the archive is truncated");
      if (isZero(block)) return await readEnd(source);
      const { name, sizeBytes } = parseHeader(block);
      total += sizeBytes;
      if (seen.has(name)) throw new AppError("package.name_unsafe", { name, reason: "twice" });
      seen.add(name);
      if (seen.size > limits.maxEntries || sizeBytes > limits.maxEntryBytes || total > limits.maxTotalBytes) {
        throw new AppError("package.too_large", { name, sizeBytes });
      }
      const content = { left: sizeBytes };
      yield { name, sizeBytes, content: contentOf(source, content) };
      if (content.left > 0) throw unreadable(`${name} was not read to its end`);
      await source.take(paddingOf(sizeBytes));
    }
  } finally {
    await source.close();
  }
}

async function* contentOf(source: ByteSource, remaining: { left: number }): AsyncGenerator<Buffer> {
  while (remaining.left > 0) {
    const part = await source.next(remaining.left);
    if (part === null) throw unreadable("the archive is truncated");
    remaining.left -= part.length;
    yield part;
  }
}

async function readEnd(source: ByteSource): Promise<void> {
  const second = await source.take(BLOCK);
  if (second.length < BLOCK || !isZero(second)) throw unreadable("the archive has no end");
  for (let rest = await source.next(BLOCK); rest !== null; rest = await source.next(BLOCK)) {
    if (!isZero(rest)) throw unreadable("something follows the end");
  }
}

function headerOf({ name, sizeBytes }: TarInput): Buffer {
  if (!NAME.test(name)) throw new AppError("package.name_unsafe", { name });
  if (!Number.isInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > MAX_SIZE) {
    throw new AppError("package.too_large", { name, sizeBytes });
  }
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 100, "latin1");
  block.write("0000600\0", 100, "latin1");
  block.write("0000000\0", 108, "latin1");
  block.write("0000000\0", 116, "latin1");
  block.write(`${octal(sizeBytes, 11)}\0`, 124, "latin1");
  // No time of the endpoint's: it stands in the manifest, and the same content gives the same archive.
  block.write(`${octal(0, 11)}\0`, 136, "latin1");
  block.write("0", 156, "latin1");
  block.write("ustar\0" + "00", 257, "latin1");
  block.write(`${octal(checksumOf(block), 6)}\0 `, 148, "latin1");
  return block;
}

function parseHeader(block: Buffer): { name: string; sizeBytes: number } {
  if (block.toString("latin1", 257, 263) !== "ustar\0") throw unreadable("no ustar header");
  if (numberAt(block, 148, 8) !== checksumOf(block)) throw unreadable("a header's checksum differs");
  const name = textAt(block, 0, 100);
  const type = block.toString("latin1", 156, 157);
  const prefix = textAt(block, 345, 155);
  if (type !== "0" || prefix !== "" || textAt(block, 157, 100) !== "" || !NAME.test(name)) {
    throw new AppError("package.name_unsafe", { name: `${prefix}${name}`.slice(0, 100), type });
  }
  return { name, sizeBytes: numberAt(block, 124, 12) };
}

/** The sum of all bytes, the checksum's own eight taken as spaces. */
function checksumOf(block: Buffer): number {
  return block.reduce((sum, byte, index) => sum + (index >= 148 && index < 156 ? 0x20 : byte), 0);
}

function numberAt(block: Buffer, at: number, length: number): number {
  const text = block.toString("latin1", at, at + length).replace(/[\0 ]+$/, "");
  // Octal digits alone: the base-256 form of large sizes is not needed and would be a second way to say a number.
  if (!/^[0-7]{1,11}$/.test(text)) throw unreadable("a header's number is malformed");
  return Number.parseInt(text, 8);
}

function textAt(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString("latin1", 0, end < 0 ? length : end);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

function unreadable(reason: string): AppError {
  return new AppError("package.unreadable", { reason });
}

import { crc32 } from "node:zlib";
import type { GapBatchHeader } from "../../batch/batch-header.ts";
import type { Disk } from "../../disk/disk.ts";
import type { SpoolCursor } from "./spool-port.ts";

// The file format of records that wait to be sealed.
// I1  One append is one frame: `crc32 meta\n` and then the payload, NDJSON. It is there whole or not at all.
// I2  The first frame that does not verify ends the segment: what a crash tore is cut, everything before it stands.

export interface FrameMeta {
  /** How many numbers the frame takes. */
  n: number;
  /** Payload bytes; 0 for a gap. */
  b: number;
  /** When it was appended; RFC 3339. */
  t: string;
  cursor?: SpoolCursor;
  gap?: GapBatchHeader["gap"];
}

export interface Frame {
  meta: FrameMeta;
  lines: string[];
}

const MAX_META_BYTES = 2048;

export function encodeFrame(meta: Omit<FrameMeta, "b">, lines: readonly string[]): Buffer {
  const payload = lines.length === 0 ? Buffer.alloc(0) : Buffer.from(`${lines.join("\n")}\n`, "utf8");
  const text = Buffer.from(`${JSON.stringify({ ...meta, b: payload.length })}\n`, "utf8");
  const sum = crc32(payload, crc32(text)).toString(16).padStart(8, "0");
  return Buffer.concat([Buffer.from(`${sum} `, "ascii"), text, payload]);
}

/** Reads a segment; `goodBytes` is where the first torn frame begins, or the file's size. */
export async function readSegment(
  disk: Disk,
  path: string,
): Promise<{ frames: Frame[]; goodBytes: number; sizeBytes: number }> {
  const bytes = await disk.read(path);
  const frames: Frame[] = [];
  let at = 0;
  while (at < bytes.length) {
    const read = readFrame(bytes, at);
    if (read === null) break;
    frames.push(read.frame);
    at = read.end;
  }
  return { frames, goodBytes: at, sizeBytes: bytes.length };
}

function readFrame(bytes: Buffer, at: number): { frame: Frame; end: number } | null {
  const newline = bytes.subarray(at, at + MAX_META_BYTES).indexOf(10);
  if (newline < 10) return null;
  const metaEnd = at + newline + 1;
  const meta = parseMeta(bytes.subarray(at + 9, metaEnd));
  if (meta === null || metaEnd + meta.b > bytes.length) return null;
  const payload = bytes.subarray(metaEnd, metaEnd + meta.b);
  const sum = crc32(payload, crc32(bytes.subarray(at + 9, metaEnd)))
    .toString(16)
    .padStart(8, "0");
  if (bytes.subarray(at, at + 8).toString("ascii") !== sum) return null;
  const lines = payload.toString("utf8").split("\n");
  lines.pop();
  return { frame: { meta, lines }, end: metaEnd + meta.b };
}

function parseMeta(text: Buffer): FrameMeta | null {
  try {
    const meta = JSON.parse(text.toString("utf8")) as FrameMeta;
    return Number.isSafeInteger(meta.n) && Number.isSafeInteger(meta.b) && meta.b >= 0 && meta.n >= 0 ? meta : null;
  } catch {
    // Torn in the middle of the meta line: the same outcome as any other torn frame.
    return null;
  }
}

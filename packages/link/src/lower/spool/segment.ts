import { crc32 } from "node:zlib";
import type { GapBatchHeader } from "../../batch/batch-header.ts";
import type { Disk } from "../../disk/disk.ts";
import type { SpoolCursor } from "./spool-port.ts";

// The file format of records that wait to be sealed.
// I1  One append is one frame and its mark: `crc32 meta\n`, the payload in NDJSON, and `#end crc32\n`, where `end` counts the
//     numbers that the segment has taken with it. It is there whole or not at all.
// I2  What no frame and no mark follows is what a crash tore: it is cut, everything before it stands.
// I3  A frame that does not verify although a frame or a mark follows was promised, and the disk changed it since: reading goes
//     on behind it, and the numbers that are missing there become a gap, `disk-failed`. One bit never takes both, frame and
//     mark. Neither can stand inside a payload: JSON has no line feed and no ` {"n":` within a line.

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

export interface ReadSegment {
  /** Gaps stand where frames were lost. */
  frames: Frame[];
  /** Where the torn tail begins, or the file's size. */
  goodBytes: number;
  sizeBytes: number;
}

const MAX_META_BYTES = 2048;
const FRAME_START = ' {"n":';
const MARK_BYTES = 27;
const MARK = /^#(\d{16}) ([0-9a-f]{8})\n$/;

/** @param taken Numbers that the segment has taken before this frame. */
export function encodeFrame(meta: Omit<FrameMeta, "b">, lines: readonly string[], taken: number): Buffer {
  const payload = lines.length === 0 ? Buffer.alloc(0) : Buffer.from(`${lines.join("\n")}\n`, "utf8");
  const { n, ...others } = meta;
  const text = Buffer.from(`${JSON.stringify({ n, ...others, b: payload.length })}\n`, "utf8");
  const sum = hexOf(crc32(payload, crc32(text)));
  const end = String(taken + n).padStart(16, "0");
  const mark = `#${end} ${hexOf(crc32(end))}\n`;
  return Buffer.concat([Buffer.from(`${sum} `, "ascii"), text, payload, Buffer.from(mark, "ascii")]);
}

export async function readSegment(disk: Disk, path: string): Promise<ReadSegment> {
  const bytes = await disk.read(path);
  const frames: Frame[] = [];
  let taken = 0;
  let at = 0;
  const lostUpTo = (end: number) => {
    if (end > taken) frames.push(lostFrame(end - taken, frames));
    taken = Math.max(taken, end);
  };
  while (at < bytes.length) {
    const found = nextPiece(bytes, at);
    if (found === null) break;
    if (found.kind === "mark") {
      lostUpTo(found.taken);
      at = found.end;
      continue;
    }
    const mark = readMark(bytes, found.end);
    const { n } = found.frame.meta;
    if (mark !== null) lostUpTo(mark - n);
    frames.push(found.frame);
    taken += n;
    at = mark === null ? found.end : found.end + MARK_BYTES;
  }
  return { frames, goodBytes: at, sizeBytes: bytes.length };
}

/** Stands for numbers whose records the disk lost. The last time that is known is that of the frame before. */
export function lostFrame(count: number, before: readonly Frame[]): Frame {
  const t = before.at(-1)?.meta.t ?? new Date(0).toISOString();
  return { meta: { n: count, b: 0, t, gap: { cause: "disk-failed", from: t, to: t, resumes: null } }, lines: [] };
}

type Piece = { kind: "frame"; frame: Frame; end: number } | { kind: "mark"; taken: number; end: number };

/** The frame or mark at a place, or else the first one behind it. */
function nextPiece(bytes: Buffer, at: number): Piece | null {
  const frame = readFrame(bytes, at);
  if (frame !== null) return { kind: "frame", ...frame };
  const [nextFrame, nextMark] = [searchFrame(bytes, at + 1), searchMark(bytes, at)];
  if (nextMark !== null && (nextFrame === null || nextMark.at < nextFrame.at)) {
    return { kind: "mark", taken: nextMark.taken, end: nextMark.at + MARK_BYTES };
  }
  return nextFrame === null ? null : { kind: "frame", frame: nextFrame.frame, end: nextFrame.end };
}

function searchFrame(bytes: Buffer, from: number): { at: number; frame: Frame; end: number } | null {
  for (let hit = bytes.indexOf(FRAME_START, from + 8); hit >= 0; hit = bytes.indexOf(FRAME_START, hit + 1)) {
    const read = readFrame(bytes, hit - 8);
    if (read !== null) return { at: hit - 8, ...read };
  }
  return null;
}

function searchMark(bytes: Buffer, from: number): { at: number; taken: number } | null {
  for (let hit = bytes.indexOf("#", from); hit >= 0; hit = bytes.indexOf("#", hit + 1)) {
    const taken = readMark(bytes, hit);
    if (taken !== null) return { at: hit, taken };
  }
  return null;
}

/** How many numbers the segment had taken, as the mark at a place says; null if there is none. */
function readMark(bytes: Buffer, at: number): number | null {
  const matched = MARK.exec(bytes.subarray(at, at + MARK_BYTES).toString("latin1"));
  const [, end = "", sum] = matched ?? [];
  return matched !== null && hexOf(crc32(end)) === sum ? Number(end) : null;
}

function readFrame(bytes: Buffer, at: number): { frame: Frame; end: number } | null {
  const newline = bytes.subarray(at, at + MAX_META_BYTES).indexOf(10);
  if (newline < 10) return null;
  const metaEnd = at + newline + 1;
  const meta = parseMeta(bytes.subarray(at + 9, metaEnd));
  if (meta === null || metaEnd + meta.b > bytes.length) return null;
  const payload = bytes.subarray(metaEnd, metaEnd + meta.b);
  const sum = hexOf(crc32(payload, crc32(bytes.subarray(at + 9, metaEnd))));
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
    // Torn or changed in the middle of the meta line: the same outcome as any other frame that does not verify.
    return null;
  }
}

function hexOf(sum: number): string {
  return sum.toString(16).padStart(8, "0");
}

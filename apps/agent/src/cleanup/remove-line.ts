import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { AppError } from "@tms/records";
import { pathBytes, pathText } from "@tms/root-cause";
import { type Anchor, anchor, openAnchored, sameFile, through } from "./anchored.ts";
import type { Action, ObjectState, Run } from "./journal.ts";
import { dress, sha256Hex, stateOf } from "./object-state.ts";

// Taking a line out of a file, byte for byte.
// I1  Every byte outside the removed lines stays: CRLF, a missing last newline, bytes that are not UTF-8.
// I2  The new content is written beside the file, synced, and put in its place by rename; right before that the file is
//     read again: if it is not the pre-image any more, nothing happens.
// I3  Mode and owner are kept. The time of change moves on purpose: cron looks at it to notice that a line is gone, and
//     would go on running it otherwise. Undo restores the times as well.

/** A crontab larger than this is not one. */
const MAX_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

export interface LineEditor {
  checkpoint(name: string): void;
}

type LineAction = Extract<Action, { verb: "persist.removeLine" }>;

/** Removes every occurrence of one line (without its end). @throws {AppError} `cleanup.line_not_found`, `cleanup.target_changed`, … */
export function removeLine(
  editor: LineEditor,
  run: Run,
  order: { n: number; step: string; path: Buffer; line: Buffer },
): void {
  const file = openAnchored(order.path);
  try {
    const bytes = readAll(file.fd, file.stat.size);
    const after = withoutLine(bytes, order.line);
    if (after.length === bytes.length) throw new AppError("cleanup.line_not_found", {});
    const action: LineAction = {
      verb: "persist.removeLine",
      path: pathText(order.path),
      line: pathText(order.line),
      before: stateOf(file.stat, sha256Hex(bytes)),
      afterSha256: sha256Hex(after),
      temp: `.tms-edit-${randomUUID()}`,
    };
    run.append({ t: "intent", n: order.n, step: order.step, action });
    editor.checkpoint("line.intent");
    writePreImage(run.preImagePath(order.n), bytes);
    run.append({ t: "preimage", n: order.n });
    editor.checkpoint("line.preimage");
    replaceContent(editor, file, { content: after, action, expected: action.before, times: "leave times" });
    editor.checkpoint("line.replaced");
  } finally {
    file.close();
  }
}

/** Puts the pre-image back. @throws {AppError} `undo.file_changed` if anybody changed the file since. */
export function restoreLine(editor: LineEditor, run: Run, at: { n: number; action: LineAction }): void {
  const { action } = at;
  const file = openAnchored(pathBytes(action.path));
  try {
    const now = sha256Hex(readAll(file.fd, file.stat.size));
    if (now === action.before.sha256) return;
    if (now !== action.afterSha256) throw new AppError("undo.file_changed", {});
    const content = readFileSync(run.preImagePath(at.n));
    if (sha256Hex(content) !== action.before.sha256) throw new AppError("quarantine.damaged", { what: "pre-image" });
    const expected = stateOf(file.stat, action.afterSha256);
    replaceContent(editor, file, { content, action, expected, times: "restore times" });
  } finally {
    file.close();
  }
}

/** Cleans up after a crash. @returns Whether the line is out of the file. */
export function recoverLine(action: LineAction): boolean {
  const held = anchor(pathBytes(action.path));
  try {
    rmSync(through(held.folder, action.temp), { force: true });
    if (!existsSync(held.at)) return false;
  } finally {
    held.close();
  }
  const file = openAnchored(pathBytes(action.path));
  try {
    return sha256Hex(readAll(file.fd, file.stat.size)) === action.afterSha256;
  } finally {
    file.close();
  }
}

function replaceContent(
  editor: LineEditor,
  file: Anchor,
  change: { content: Buffer; action: LineAction; expected: ObjectState; times: "restore times" | "leave times" },
): void {
  const temp = through(file.folder, change.action.temp);
  // Left by a crash; the name is random and ours.
  rmSync(temp, { force: true });
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(temp, flags, 0o600);
  try {
    writeAll(fd, change.content);
    dress(fd, change.action.before, change.times);
    fsyncSync(fd);
    editor.checkpoint("line.written");
    if (!isStill(file, change.expected)) throw new AppError("cleanup.target_changed", {});
    renameSync(temp, file.at);
    syncHeld(file.folder);
  } catch (error) {
    rmSync(temp, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Right before the rename: the same inode under the name, with the same bytes. The window left is one system call. */
function isStill(file: Anchor, expected: ObjectState): boolean {
  const fd = openSync(file.at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd, { bigint: true });
    const isSame = sameFile(stat, { dev: BigInt(expected.dev), ino: BigInt(expected.ino) });
    return isSame && sha256Hex(readAll(fd, stat.size)) === expected.sha256;
  } finally {
    closeSync(fd);
  }
}

/** Lines equal to `line` go with their ends; all else stays as it is. */
export function withoutLine(bytes: Buffer, line: Buffer): Buffer {
  const kept: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, from);
    const next = end === -1 ? bytes.length : end + 1;
    const textEnd = end === -1 ? bytes.length : end;
    const hasReturn = textEnd > from && bytes[textEnd - 1] === RETURN;
    const text = bytes.subarray(from, hasReturn ? textEnd - 1 : textEnd);
    if (!text.equals(line) && !bytes.subarray(from, textEnd).equals(line)) kept.push(bytes.subarray(from, next));
    from = next;
  }
  return Buffer.concat(kept);
}

export function readAll(fd: number, size: bigint): Buffer {
  if (size > BigInt(MAX_BYTES)) throw new AppError("cleanup.limit_reached", { size: Number(size) });
  const bytes = Buffer.alloc(Number(size));
  const got = readSync(fd, bytes, 0, bytes.length, 0);
  return bytes.subarray(0, got);
}

function writePreImage(path: string, bytes: Buffer): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600);
  try {
    writeAll(fd, bytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done);
}

/** The held descriptor is a mere path (O_PATH) and cannot be synced itself. */
function syncHeld(folder: number): void {
  const fd = openSync(through(folder, "."), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

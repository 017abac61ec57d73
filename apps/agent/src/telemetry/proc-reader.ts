import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";

// Reading /proc. Processes end between two reads all the time: every function answers null then, never throws.
// Names are bytes (Buffer): they need not be UTF-8.

export interface ProcessStat {
  pid: number;
  comm: string;
  /** One letter: R, S, D, T, Z, … */
  state: string;
  parentPid: number;
  session: number;
  /** Clock ticks after boot; with boot id and pid the identity. */
  startTicks: string;
  isKernelThread: boolean;
}

export interface Descriptor {
  number: number;
  /** Target of the link, without ` (deleted)`. */
  path: Buffer;
  isDeleted: boolean;
  canWrite: boolean;
}

/** PF_KTHREAD of the kernel's `include/linux/sched.h`. */
const PF_KTHREAD = 0x00200000;
/** A command line is cut here; the kernel itself allows megabytes. */
const MAX_ARGUMENT_BYTES = 16 * 1024;
const MAX_DESCRIPTORS = 4096;
const DELETED = Buffer.from(" (deleted)");

export function listPids(): number[] {
  return readdirSync("/proc").flatMap((name) => (/^[1-9]\d*$/.test(name) ? [Number(name)] : []));
}

/** The kernel's random id of this boot. */
export function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
}

/** When the machine was started, by this clock; start ticks count from here. */
export function readBootTimeMs(nowMs: number): number {
  const uptimeSeconds = Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]);
  return nowMs - uptimeSeconds * 1000;
}

export function readStat(pid: number): ProcessStat | null {
  const text = readText(`/proc/${pid}/stat`);
  // The name may hold anything, `)` and spaces too: the fields begin after the last `)`.
  const end = text?.lastIndexOf(")") ?? -1;
  if (text === null || end === -1) return null;
  const fields = text.slice(end + 2).split(" ");
  return {
    pid,
    comm: text.slice(text.indexOf("(") + 1, end),
    state: fields[0] ?? "?",
    parentPid: Number(fields[1]),
    session: Number(fields[3]),
    startTicks: fields[19] ?? "0",
    isKernelThread: (Number(fields[6]) & PF_KTHREAD) !== 0,
  };
}

export function readImage(pid: number): Buffer | null {
  const link = readLink(`/proc/${pid}/exe`);
  return link === null ? null : withoutDeleted(link).path;
}

export function readCwd(pid: number): Buffer | null {
  return readLink(`/proc/${pid}/cwd`);
}

export function readArguments(pid: number): Buffer[] {
  const bytes = orNull(() => readFileSync(`/proc/${pid}/cmdline`));
  if (bytes === null || bytes.length === 0) return [];
  const parts: Buffer[] = [];
  const end = Math.min(bytes.length, MAX_ARGUMENT_BYTES);
  for (let from = 0; from < end; ) {
    const zero = bytes.indexOf(0, from);
    const to = zero === -1 || zero > end ? end : zero;
    parts.push(bytes.subarray(from, to));
    from = to + 1;
  }
  return parts;
}

export function readUid(pid: number): number | null {
  return orNull(() => statSync(`/proc/${pid}`).uid);
}

/** @returns Null when the descriptors may not be read (another user's process) or the process has ended. */
export function readDescriptors(pid: number, isWanted: (path: Buffer) => boolean): Descriptor[] | null {
  const numbers = orNull(() => readdirSync(`/proc/${pid}/fd`));
  if (numbers === null) return null;
  const found: Descriptor[] = [];
  for (const number of numbers.slice(0, MAX_DESCRIPTORS)) {
    const link = readLink(`/proc/${pid}/fd/${number}`);
    if (link === null) continue;
    const { path, isDeleted } = withoutDeleted(link);
    if (!isWanted(path)) continue;
    found.push({ number: Number(number), path, isDeleted, canWrite: canWrite(pid, number) });
  }
  return found;
}

function canWrite(pid: number, number: string): boolean {
  const flags = /^flags:\s*([0-7]+)/m.exec(readText(`/proc/${pid}/fdinfo/${number}`) ?? "");
  // The last two bits are the access mode: 0 reads, 1 writes, 2 does both.
  return flags !== null && (Number.parseInt(flags[1] ?? "0", 8) & 3) !== 0;
}

function withoutDeleted(link: Buffer): { path: Buffer; isDeleted: boolean } {
  const isDeleted = link.length > DELETED.length && link.subarray(-DELETED.length).equals(DELETED);
  return { path: isDeleted ? link.subarray(0, -DELETED.length) : link, isDeleted };
}

function readText(path: string): string | null {
  return orNull(() => readFileSync(path, "latin1"));
}

function readLink(path: string): Buffer | null {
  return orNull(() => readlinkSync(path, { encoding: "buffer" }));
}

/** The one place where a failed read of /proc becomes null: the process has ended, or belongs to somebody else. */
function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    // ENOENT, ESRCH, EACCES: the answer is "not known", and the caller says so where it matters.
    return null;
  }
}

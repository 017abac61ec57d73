import { keyText, type ProcessKey, pathText, type TelemetryEvent } from "@tms/root-cause";
import { parentClueOf } from "./parent-clue.ts";
import {
  type Descriptor,
  listPids,
  type ProcessStat,
  readArguments,
  readBootId,
  readBootTimeMs,
  readCwd,
  readDescriptors,
  readImage,
  readStat,
  readUid,
} from "./proc-reader.ts";
import type { WatchedPaths } from "./watched-paths.ts";

// The processes of this machine, by polling /proc.
// I1  Identity is boot + pid + start ticks; the table never takes a reused pid for the process it knew.
// I2  image, arguments, folder and user are read once for a new process, again while it is young (between fork and exec
//     it shows its parent's), and again when its name changes (exec in place).
// I3  Descriptors are read of young processes and of those that touched a watched path; of all only when something under
//     a watched folder changed. Reading all of 400 processes costs 25 ms, too much for five times a second.

export interface KnownProcess {
  key: ProcessKey;
  stat: ProcessStat;
  image: Buffer | null;
  argv: Buffer[];
  cwd: Buffer | null;
  uid: number | null;
  imageName: string;
  startedAt: string;
  /** Touched a watched path once: its image, folder, arguments or a descriptor. */
  isRelated: boolean;
  /** `op path` of what was told already. */
  told: Set<string>;
  polls: number;
  descriptors: Descriptor[];
}

/** Clock ticks a second in /proc; the kernel shows 100 to every program (USER_HZ). */
const TICKS_PER_SECOND = 100;
/** Polls in which a process counts as young: one second at 200 ms. */
const YOUNG_POLLS = 6;
/** Every so many polls each known pid's start time is read again, which finds reused pids and exec in place. */
const FULL_EVERY = 5;

export interface ProcessTable {
  /** Reads what changed and tells it. `look: "everywhere"` reads all descriptors. */
  poll(look: "young-and-related" | "everywhere"): void;
  all(): KnownProcess[];
  isAlive(key: ProcessKey): boolean;
  /** Holders of a path by a descriptor, their image, or an argument that names it. */
  holdersOf(path: Buffer): KnownProcess[];
}

export function createProcessTable(deps: {
  watched: WatchedPaths;
  extraPaths: readonly Buffer[];
  now: () => Date;
  emit: (event: TelemetryEvent) => void;
}): ProcessTable {
  const table = new Map<number, KnownProcess>();
  const boot = readBootId();
  const bootMs = readBootTimeMs(deps.now().getTime());
  const isWanted = (path: Buffer): boolean =>
    deps.watched.has(path) || deps.extraPaths.some((extra) => extra.equals(path));
  let pollNumber = 0;

  function poll(look: "young-and-related" | "everywhere"): void {
    const at = deps.now().toISOString();
    const isFirst = pollNumber === 0;
    const isFull = pollNumber % FULL_EVERY === 0;
    pollNumber += 1;
    const pids = new Set(listPids());
    for (const known of [...table.values()]) if (!pids.has(known.stat.pid)) forget(known, at);
    for (const pid of pids) {
      const known = table.get(pid);
      if (known === undefined) meet(pid, at, isFirst);
      else if (isFull || known.polls < YOUNG_POLLS) meetAgain(known, at);
    }
    for (const known of table.values()) {
      const wanted = look === "everywhere" || known.isRelated || known.polls < YOUNG_POLLS;
      known.polls += 1;
      if (wanted && !known.stat.isKernelThread && !isOurs(known)) lookAtDescriptors(known, at);
    }
  }

  function meet(pid: number, at: string, isFirst: boolean): void {
    const stat = readStat(pid);
    if (stat === null || stat.state === "Z") return;
    const known = describe(stat);
    table.set(pid, known);
    const parent = table.get(stat.parentPid) ?? adopt(stat.parentPid, at);
    deps.emit({
      kind: "process.start",
      at: known.startedAt,
      seenAt: at,
      sensor: "proc-poll",
      quality: isFirst ? "snapshot" : "observed",
      process: known.key,
      parent: parentClueOf(stat, parent),
      ...shown(known),
      ...(known.uid === null ? {} : { user: String(known.uid) }),
    });
  }

  /** A parent younger in the list than its child: pids wrap around, so it may not have been met yet. */
  function adopt(pid: number, at: string): KnownProcess | null {
    if (pid <= 0 || table.has(pid)) return null;
    meet(pid, at, pollNumber === 1);
    return table.get(pid) ?? null;
  }

  function meetAgain(known: KnownProcess, at: string): void {
    const stat = readStat(known.stat.pid);
    if (stat === null || stat.startTicks !== known.stat.startTicks || stat.state === "Z") {
      forget(known, at);
      if (stat !== null && stat.startTicks !== known.stat.startTicks) meet(known.stat.pid, at, false);
      return;
    }
    if (known.polls >= YOUNG_POLLS && stat.comm === known.stat.comm) return;
    known.stat = stat;
    const fresh = describe(stat);
    if (sameBytes(fresh.image, known.image) && sameLists(fresh.argv, known.argv)) return;
    Object.assign(known, { image: fresh.image, argv: fresh.argv, cwd: fresh.cwd, imageName: fresh.imageName });
    known.isRelated ||= fresh.isRelated;
    const { image = "", argv, cwd } = shown(known);
    deps.emit({
      kind: "process.exec",
      at,
      sensor: "proc-poll",
      quality: "observed",
      process: known.key,
      image,
      argv,
      cwd,
    });
  }

  function forget(known: KnownProcess, at: string): void {
    table.delete(known.stat.pid);
    deps.emit({ kind: "process.exit", at, sensor: "proc-poll", quality: "observed", process: known.key });
  }

  function describe(stat: ProcessStat): KnownProcess {
    const { pid } = stat;
    const image = stat.isKernelThread ? null : readImage(pid);
    const argv = stat.isKernelThread ? [] : readArguments(pid);
    const cwd = stat.isKernelThread ? null : readCwd(pid);
    const startMs = bootMs + (Number(stat.startTicks) / TICKS_PER_SECOND) * 1000;
    const named = [image, cwd, ...argv].filter((path) => path !== null);
    return {
      key: { boot, pid, start: stat.startTicks },
      stat,
      image,
      argv,
      cwd,
      uid: readUid(pid),
      imageName: image === null ? stat.comm : (pathText(image).split("/").at(-1) ?? ""),
      startedAt: new Date(startMs).toISOString(),
      isRelated: named.some(isWanted),
      told: new Set(),
      polls: 0,
      descriptors: [],
    };
  }

  function lookAtDescriptors(known: KnownProcess, at: string): void {
    const found = readDescriptors(known.stat.pid, isWanted);
    if (found === null) return;
    known.descriptors = found;
    for (const { path, canWrite, isDeleted } of found) {
      // A deleted file's name says nothing of what stands under that name now: it may be another file.
      if (isDeleted) continue;
      known.isRelated = true;
      const op = canWrite ? "write" : "read";
      const text = pathText(path);
      // A crontab is told as the lines in it, not as a file.
      const isCrontab = deps.extraPaths.some((extra) => extra.equals(path));
      if (known.told.has(`${op} ${text}`) || isCrontab || !deps.watched.has(path)) continue;
      known.told.add(`${op} ${text}`);
      // Having a file open for writing is not the same as having written it: inferred.
      deps.emit({ kind: "file", op, path: text, at, sensor: "proc-poll", quality: "inferred", process: known.key });
    }
  }

  return {
    poll,
    all: () => [...table.values()],
    isAlive: (key) => {
      const known = table.get(key.pid);
      return known !== undefined && keyText(known.key) === keyText(key);
    },
    holdersOf: (path) =>
      [...table.values()].filter(
        (known) =>
          !isOurs(known) &&
          (known.image?.equals(path) === true ||
            known.descriptors.some((descriptor) => !descriptor.isDeleted && descriptor.path.equals(path))),
      ),
  };
}

/** The agent and what it started: its own reading is no threat's. */
export function isOurs(known: Pick<KnownProcess, "stat">): boolean {
  return known.stat.pid === process.pid || known.stat.parentPid === process.pid;
}

function shown(known: KnownProcess): { image?: string; argv: string[]; cwd?: string } {
  return {
    ...(known.image === null ? {} : { image: pathText(known.image) }),
    argv: known.argv.map(pathText),
    ...(known.cwd === null ? {} : { cwd: pathText(known.cwd) }),
  };
}

function sameBytes(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

function sameLists(a: readonly Buffer[], b: readonly Buffer[]): boolean {
  return a.length === b.length && a.every((part, index) => b[index]?.equals(part));
}

import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { DeploymentState, PatternId, Sha256, StepOutcome, Verb } from "@tms/records";

// The journal of cleanups: what was about to be done, and what was.
// I1  Append only, and on disk (fsync) before the act that an entry announces.
// I2  A torn last line (power cut) is no entry; everything before it stands.
// I3  Order of every act: intent → pre-image → act → done. After a crash the entries say what to look at.

/** What an object was before; times are nanoseconds as text. */
export interface ObjectState {
  dev: string;
  ino: string;
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  atimeNs: string;
  mtimeNs: string;
  sha256: Sha256;
}

export type Action =
  | { verb: "process.kill"; pid: number; start: string; image: string; label: string }
  | { verb: "persist.removeLine"; path: string; line: string; before: ObjectState; afterSha256: Sha256; temp: string }
  | { verb: "file.quarantine"; path: string; before: ObjectState; item: string; staging: string };

export type JournalEntry =
  | { t: "run"; run: string; pattern: PatternId; version: number; digest: Sha256; directive: string; at: string }
  | { t: "intent"; n: number; step: string; action: Action }
  | { t: "preimage"; n: number }
  /** A crash came before the act had an effect; it is planned anew. */
  | { t: "abandoned"; n: number }
  /** `n` is null for what had no intent: refused, failed before the act, nothing to do, a verification. */
  | {
      t: "done";
      n: number | null;
      step: string;
      verb: Verb;
      target: string;
      outcome: StepOutcome;
      code?: string | undefined;
    }
  | { t: "end"; state: DeploymentState; at: string }
  | { t: "undo"; n: number }
  | { t: "undone"; n: number; outcome: StepOutcome; code?: string | undefined };

export interface Run {
  readonly run: string;
  readonly entries: readonly JournalEntry[];
  append(entry: JournalEntry): void;
  /** Where the pre-image of act `n` is kept. */
  preImagePath(n: number): string;
}

export interface Journal {
  begin(head: Omit<Extract<JournalEntry, { t: "run" }>, "t">): Run;
  runs(): Run[];
}

export function openJournal(directory: string): Journal {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return {
    begin(head) {
      const run = openRun(directory, head.run);
      run.append({ t: "run", ...head });
      syncFolder(directory);
      return run;
    },
    runs: () =>
      readdirSync(directory)
        .filter((name) => name.endsWith(".jsonl"))
        .sort()
        .map((name) => openRun(directory, name.slice(0, -".jsonl".length))),
  };
}

function openRun(directory: string, run: string): Run {
  const file = join(directory, `${run}.jsonl`);
  const entries = cutTornTail(file);
  return {
    run,
    entries,
    append(entry) {
      appendDurably(file, `${JSON.stringify(entry)}\n`);
      entries.push(entry);
    },
    preImagePath: (n) => join(directory, `${run}.${n}.preimage`),
  };
}

/** Reads the entries and cuts a torn one off the file, so that the next append begins a line of its own (I2). */
function cutTornTail(file: string): JournalEntry[] {
  if (!existsSync(file)) return [];
  const bytes = readFileSync(file);
  const whole = bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
  if (whole.length < bytes.length) truncateSync(file, whole.length);
  return whole
    .toString("utf8")
    .split("\n")
    .flatMap((line) => (line === "" ? [] : [JSON.parse(line) as JournalEntry]));
}

function appendDurably(file: string, text: string): void {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
  const fd = openSync(file, flags, 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export function syncFolder(directory: string): void {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

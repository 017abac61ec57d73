import { mkdir, readFile, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The process whose end ends a test run: Vitest's main one, or this one if a script runs by itself. */
export interface RunOwner {
  pid: number;
  startTicks: string;
}

export async function runOwner(): Promise<RunOwner> {
  // Vitest's workers are its children (pool `forks`).
  const pid = process.env.VITEST === undefined ? process.pid : process.ppid;
  const startTicks = await startTicksOf(pid);
  if (startTicks === null) throw new Error("The test run's main process is not to be seen in /proc.");
  return { pid, startTicks };
}

/** A private folder that all test files of one run share. */
export async function runDirectory(owner: RunOwner): Promise<string> {
  const directory = join(tmpdir(), `tms-test-${owner.pid}-${owner.startTicks}`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { uid, mode } = await stat(directory);
  // The name can be guessed, and it will hold a password.
  if (uid !== process.getuid?.() || (mode & 0o077) !== 0) throw new Error(`${directory} belongs to somebody else.`);
  return directory;
}

export async function isAlive(owner: RunOwner): Promise<boolean> {
  return (await startTicksOf(owner.pid)) === owner.startTicks;
}

/** The kernel's start time of a process tells it from a later one with the same number. */
async function startTicksOf(pid: number): Promise<string | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? null : (fields[19] ?? null);
  } catch {
    // It has ended: that is the answer.
    return null;
  }
}

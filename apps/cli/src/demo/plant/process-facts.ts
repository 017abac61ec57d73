import { readFile } from "node:fs/promises";

/** What /proc says of a process; `startTicks` and the boot id make it unmistakable. */
export interface ProcessFacts {
  pid: number;
  startTicks: string;
}

/** @returns null if no such process is there. */
export async function processFacts(pid: number): Promise<ProcessFacts | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch((error: NodeJS.ErrnoException) => {
    // The process ended: that is an answer, not a failure.
    if (error.code === "ENOENT" || error.code === "ESRCH") return null;
    throw error;
  });
  if (stat === null) return null;
  // The name in parentheses may hold spaces and parentheses itself: fields begin after the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state] = fields;
  return state === "Z" || state === "X" ? null : { pid, startTicks: fields[19] ?? "" };
}

export async function isAlive({ pid, startTicks }: ProcessFacts): Promise<boolean> {
  return (await processFacts(pid))?.startTicks === startTicks;
}

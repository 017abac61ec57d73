import { readdirSync, readFileSync } from "node:fs";

// What processes use, as the kernel counts it. @see proc(5)

/** Linux reports processor time in these on every machine that node runs on. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/** Processor time of a process that runs, user and system, in seconds. */
export function cpuSecondsOf(pid: number): number {
  const fields = statOf(pid);
  // Fields 14 and 15 of proc_pid_stat(5); the list begins with field 3.
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory in bytes. */
export function residentBytesOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES;
}

/** The process and everything that it started, directly or not. */
export function treeOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(Number(name));
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [pid];
  for (const one of tree) tree.push(...(children.get(one) ?? []));
  return tree;
}

/**
 * Processor time of a tree, with children that have ended and were waited for. A child that ends between two looks is
 * counted by its parent then.
 */
export function treeCpuSeconds(pid: number): number {
  let ticks = 0;
  for (const one of treeOf(pid)) {
    const fields = statIfThere(one);
    if (fields === null) continue;
    ticks += Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
  }
  return ticks / TICKS_PER_SECOND;
}

function parentOf(pid: number): number | null {
  const fields = statIfThere(pid);
  return fields === null ? null : Number(fields[1]);
}

function statIfThere(pid: number): string[] | null {
  try {
    return statOf(pid);
  } catch (error) {
    // It ended between the listing and this look.
    if ((error as { code?: string }).code === "ENOENT" || (error as { code?: string }).code === "ESRCH") return null;
    throw error;
  }
}

/** From field 3 on: the name before it may hold anything. */
function statOf(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@tms/records";
import { readTextIfThere, writePrivateFile } from "./private-directory.ts";

// Who uses a store's directory. After a kill -9 of the program the store itself may live on for a moment:
// a living owner is another start (refused), a dead one leaves left-overs that the next start ends.

interface Owner {
  pid: number;
  startTicks: string;
}

/**
 * Notes this process as the owner of the directory.
 *
 * @returns Gives it back; whoever claimed calls it when the store has stopped, or did not start.
 * @throws {AppError} `start.directory_locked` while a living process owns it, be it this one.
 */
export async function claimDirectory(directory: string): Promise<() => Promise<void>> {
  const file = join(directory, "owner.json");
  const owner = parseOwner(await readTextIfThere(file));
  if (owner !== null && (await isSameProcess(owner.pid, owner.startTicks))) {
    throw new AppError("start.directory_locked", { directory, pid: owner.pid });
  }
  const startTicks = (await startTicksOf(process.pid)) ?? "";
  await writePrivateFile(file, JSON.stringify({ pid: process.pid, startTicks } satisfies Owner));
  return () => rm(file, { force: true });
}

/** The kernel's start time of a process: with it a number that was given to another process is not mistaken. */
export async function startTicksOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie (state Z) has ended and only waits to be noticed by its parent.
    return fields[0] === "Z" ? null : (fields[19] ?? null);
  } catch {
    // No such process, or /proc is hidden from us: either way it is not a process we may end.
    return null;
  }
}

async function isSameProcess(pid: number, startTicks: string): Promise<boolean> {
  return (await startTicksOf(pid)) === startTicks;
}

function parseOwner(text: string | null): Owner | null {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("pid" in value) || !("startTicks" in value)) return null;
    if (typeof value.pid !== "number" || typeof value.startTicks !== "string") return null;
    return { pid: value.pid, startTicks: value.startTicks };
  } catch {
    // Written whole or not at all by us; whatever else stands there names no owner.
    return null;
  }
}

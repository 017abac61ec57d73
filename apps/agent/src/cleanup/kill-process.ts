import { setTimeout as pause } from "node:timers/promises";
import { AppError } from "@tms/records";
import { isBelow, readArguments, readCwd, readDescriptors, readImage, readStat } from "#app/telemetry/index.ts";
import { codeOf } from "./anchored.ts";
import type { Confinement } from "./confinement.ts";

// Ending a process that is really the one that was meant.
// I1  Never 1, 2, a kernel thread, this agent, what it started, or what it descends from.
// I2  Start time and image are read again right before SIGSTOP and, when it stands still, once more before SIGKILL: while
//     it exists its pid cannot be given to another, and while it is stopped it cannot become another program. Node has no
//     pidfd; between the first reading and SIGSTOP the pid could be reused, and then the wrong process is stopped for
//     some microseconds and continued.
// I3  Success is said only when it is gone or a zombie.

export interface ProcessTarget {
  pid: number;
  /** Start ticks of `/proc/<pid>/stat`. */
  start: string;
  image: Buffer | null;
}

const GONE_WITHIN_MS = 3000;
const LOOK_AGAIN_MS = 10;

/**
 * Says whether a process may be ended at all.
 *
 * @throws {AppError} `cleanup.target_protected`, `cleanup.target_outside`.
 */
export function checkProcess(confinement: Confinement, pid: number): void {
  const stat = readStat(pid);
  if (pid <= 2 || stat?.isKernelThread || pid === process.pid || stat?.parentPid === process.pid || isAncestor(pid)) {
    throw new AppError("cleanup.target_protected", { pid });
  }
  const { root } = confinement;
  if (root !== null && !isRelatedTo(pid, root)) throw new AppError("cleanup.target_outside", { pid });
}

/** @throws {AppError} `cleanup.target_missing`, `cleanup.process_differs`, `cleanup.denied`, `cleanup.still_present`. */
export async function killProcess(target: ProcessTarget, signal?: AbortSignal): Promise<void> {
  checkIdentity(target);
  send(target.pid, "SIGSTOP");
  try {
    checkIdentity(target);
  } catch (error) {
    send(target.pid, "SIGCONT");
    throw error;
  }
  send(target.pid, "SIGKILL");
  const deadline = Date.now() + GONE_WITHIN_MS;
  while (isThere(target)) {
    if (Date.now() > deadline || signal?.aborted) throw new AppError("cleanup.still_present", { pid: target.pid });
    await pause(LOOK_AGAIN_MS);
  }
}

function checkIdentity(target: ProcessTarget): void {
  const stat = readStat(target.pid);
  if (stat === null || stat.state === "Z") throw new AppError("cleanup.target_missing", { pid: target.pid });
  const image = readImage(target.pid);
  const sameImage = target.image === null ? image === null : image?.equals(target.image) === true;
  if (stat.startTicks !== target.start || !sameImage) {
    throw new AppError("cleanup.process_differs", { pid: target.pid });
  }
}

function isThere(target: ProcessTarget): boolean {
  const stat = readStat(target.pid);
  return stat !== null && stat.startTicks === target.start && stat.state !== "Z" && stat.state !== "X";
}

function send(pid: number, signal: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ESRCH") throw new AppError("cleanup.target_missing", { pid }, { cause: error });
    if (code === "EPERM") throw new AppError("cleanup.denied", { pid }, { cause: error });
    throw error;
  }
}

function isAncestor(pid: number): boolean {
  for (let at = process.ppid, steps = 0; at > 0 && steps < 64; steps += 1) {
    if (at === pid) return true;
    at = readStat(at)?.parentPid ?? 0;
  }
  return false;
}

/** Its image, folder, an argument or an open file lies in the sandbox. */
function isRelatedTo(pid: number, root: Buffer): boolean {
  const named = [readImage(pid), readCwd(pid), ...readArguments(pid)];
  if (named.some((path) => path !== null && isBelow(path, root))) return true;
  const descriptors = readDescriptors(pid, (path) => isBelow(path, root));
  return descriptors !== null && descriptors.length > 0;
}

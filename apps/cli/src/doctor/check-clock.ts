import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Installation } from "@tms/contracts";
import { exists } from "../shell/files.ts";
import { type Check, type DoctorDeps, good, wrong } from "./check.ts";

/** Files are dated by the kernel's own clock, seconds apart at most. */
const TOLERANCE_MS = 60_000;
/** The day of the oldest version that writes this check: a clock before it was never set. */
const NOT_BEFORE = new Date("2026-11-24T00:00:00Z");

/**
 * The clock is not before this program was made, and not behind what the data directory remembers: a file from the
 * future means that the clock stood ahead then, or stands behind now.
 */
export async function checkClock({ dataDir }: Installation, { now }: DoctorDeps): Promise<Check[]> {
  const at = now();
  if (at < NOT_BEFORE) return [wrong("clock", "clock.wrong", `It shows ${at.toISOString()}.`)];
  const newest = await newestFile(dataDir);
  if (newest !== null && newest.at.getTime() > at.getTime() + TOLERANCE_MS) {
    const found = `It shows ${at.toISOString()}, and ${newest.file} is of ${newest.at.toISOString()}.`;
    return [wrong("clock", "clock.wrong", found)];
  }
  return [good("clock", at.toISOString())];
}

async function newestFile(dataDir: string): Promise<{ file: string; at: Date } | null> {
  if (!(await exists(dataDir))) return null;
  let newest: { file: string; at: Date } | null = null;
  for (const name of await readdir(dataDir)) {
    const file = join(dataDir, name);
    const { mtime } = await stat(file);
    if (newest === null || mtime > newest.at) newest = { file, at: mtime };
  }
  return newest;
}

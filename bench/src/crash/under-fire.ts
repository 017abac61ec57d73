import { setTimeout as pause } from "node:timers/promises";
import type { MeteredLine } from "../line/metered-line.ts";

/** What is killed, and how it comes back. */
export interface Victim {
  name: string;
  /** Share of the kills. */
  weight: number;
  kill(): Promise<void>;
}

export interface Work {
  victims: readonly Victim[];
  isDone(): boolean;
  /** Grows with the work: bytes that passed, batches that are indexed. */
  progress(): number | Promise<number>;
  /** So much of it shows that the work is under way. */
  underWay: number;
  lookEveryMs: number;
}

/** No piece of work takes longer without any progress, whatever falls. */
const STUCK_MS = 180_000;

/**
 * Kills one victim after another in the middle of the work, until it is done or `maxKills` are reached; then waits for
 * the work's end.
 *
 * @returns kills by victim
 */
export async function underFire(
  work: Work,
  fire: { maxKills: number; withinMs: number; random: () => number },
): Promise<Record<string, number>> {
  const kills: Record<string, number> = {};
  for (let count = 0; ; ) {
    const progress = await work.progress();
    await until(work, async () => (await work.progress()) >= progress + work.underWay);
    if (count >= fire.maxKills) await until(work, () => false);
    await pause(fire.random() * fire.withinMs);
    if (work.isDone()) return kills;
    const victim = choose(work.victims, fire.random());
    await victim.kill();
    kills[victim.name] = (kills[victim.name] ?? 0) + 1;
    count += 1;
  }
}

/** Until something holds, or the work is done. @throws {Error} when nothing moves any more. */
async function until(work: Work, holds: () => boolean | Promise<boolean>): Promise<void> {
  let last = await work.progress();
  let since = performance.now();
  while (!work.isDone() && !(await holds())) {
    const now = await work.progress();
    if (now !== last) since = performance.now();
    last = now;
    if (performance.now() - since > STUCK_MS) throw new Error(`nothing moved for ${STUCK_MS / 1000} s`);
    await pause(work.lookEveryMs);
  }
}

function choose(victims: readonly Victim[], random: number): Victim {
  let left = random * victims.reduce((sum, { weight }) => sum + weight, 0);
  for (const victim of victims) {
    left -= victim.weight;
    if (left < 0) return victim;
  }
  const [first] = victims;
  if (first === undefined) throw new Error("nothing to kill");
  return first;
}

/** Bytes that passed lines in one direction. */
export function passed(lines: readonly MeteredLine[], direction: "up" | "down"): number {
  return lines.reduce((sum, line) => sum + line.passed[direction], 0);
}

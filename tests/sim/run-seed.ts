import { type FaultCounts, Faults } from "./faults.ts";
import { checkStream } from "./final-checks.ts";
import type { InvariantId, Violation } from "./invariants.ts";
import { SIMULATED_STREAMS } from "./lower-party.ts";
import { MUTATIONS, type MutationName } from "./mutations.ts";
import { World } from "./world.ts";

export interface SeedResult {
  schema: "tms.sim/1";
  ok: boolean;
  seed: number;
  virtualHours: number;
  traceSha256: string;
  world: Record<string, number>;
  faults: FaultCounts;
  invariants: { id: InvariantId; checks: number; violations: number }[];
  firstViolation: Violation | null;
}

const HOUR_MS = 3_600_000;
/** After the faults everything must have drained within so long. */
const DRAIN_MS = 6 * HOUR_MS;
const LOOK_EVERY_MS = 60_000;
/** Time for the last ledger to be told. */
const LAST_WORD_MS = 5 * 60_000;

/** Runs one world to its end. The same arguments give the same result to the last byte of its trace. */
export async function runSeed(options: {
  seed: number;
  hours: number;
  mutate: MutationName | null;
  onNote?: (line: string) => void;
}): Promise<SeedResult> {
  const world = new World(options.seed, options.mutate === null ? null : MUTATIONS[options.mutate]);
  const faults = new Faults(world, options.hours * HOUR_MS);
  const { time, scores, observer, portal } = world;
  const unexpected = (error: unknown) => observer.broken(error);
  process.on("unhandledRejection", unexpected);
  if (options.onNote !== undefined) time.onNote = options.onNote;
  let isOver = false;
  faults.plan();
  world.start();
  time.after(options.hours * HOUR_MS, () => {
    faults.end();
    world.settle();
    awaitDrained(world, time.nowMs() + DRAIN_MS, () => {
      isOver = true;
    });
  });
  await time.run(() => isOver || scores.firstViolation !== null);
  process.off("unhandledRejection", unexpected);
  if (scores.firstViolation === null) {
    observer.checkAnswered(portal);
    for (const { product } of world.lowers) {
      for (const stream of SIMULATED_STREAMS) checkStream({ portal, observer, scores }, { product, stream });
    }
  }
  return {
    schema: "tms.sim/1",
    ok: scores.firstViolation === null,
    seed: options.seed,
    virtualHours: options.hours,
    traceSha256: time.traceSha256(),
    world: { lowers: world.lowers.length, ...observer.world, events: time.events },
    faults: faults.counts,
    invariants: scores.list(),
    firstViolation: scores.firstViolation,
  };
}

function awaitDrained(world: World, untilMs: number, done: () => void): void {
  const { time, scores, lowers } = world;
  time.after(LOOK_EVERY_MS, () => {
    if (!world.hasDrained && time.nowMs() < untilMs) {
      awaitDrained(world, untilMs, done);
      return;
    }
    scores.check("drains", world.hasDrained, () => {
      const waiting = lowers.map((lower) => lower.spool?.report().map((report) => report.spooledRecords) ?? "down");
      return `waiting records by party and stream: ${JSON.stringify(waiting)}`;
    });
    time.after(LAST_WORD_MS, done);
  });
}

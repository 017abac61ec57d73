import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import type { FaultCounts } from "./faults.ts";
import type { InvariantId, Violation } from "./invariants.ts";
import type { MutationName } from "./mutations.ts";
import type { SeedResult } from "./run-seed.ts";

export interface RangeResult {
  schema: "tms.sim-range/1";
  ok: boolean;
  first: number;
  last: number;
  /** Worlds that ran: fewer than the range holds if a mistake was caught before its end. */
  seeds: number;
  virtualHours: number;
  mutate: MutationName | null;
  caughtBy: number | null;
  world: Record<string, number>;
  faults: FaultCounts;
  invariants: { id: InvariantId; checks: number; violations: number }[];
  failures: { seed: number; firstViolation: Violation | null }[];
  /** Fault counts and checks that stayed at 0 in some world: they proved nothing there. */
  idle: { seed: number; what: string }[];
  milliseconds: number;
}

interface RangeOptions {
  first: number;
  last: number;
  hours: number;
  mutate: MutationName | null;
  entry: string;
}

const MAX_FAILURES_TOLD = 50;

/** Runs a world for each seed, each in a process of its own, and sums up. */
export async function runRange(options: RangeOptions): Promise<RangeResult> {
  const started = performance.now();
  const sum = emptySum(options);
  let next = options.first;
  const work = async () => {
    while (next <= options.last && (options.mutate === null || sum.caughtBy === null)) {
      const seed = next;
      next += 1;
      add(sum, await runInProcess(seed, options));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  sum.ok = options.mutate === null ? sum.failures.length === 0 && sum.idle.length === 0 : sum.caughtBy !== null;
  sum.milliseconds = Math.round(performance.now() - started);
  return sum;
}

async function runInProcess(seed: number, options: RangeOptions): Promise<SeedResult> {
  const { entry, hours, mutate } = options;
  const args = [
    entry,
    "--seed",
    String(seed),
    "--hours",
    String(hours),
    ...(mutate === null ? [] : ["--mutate", mutate]),
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const parts: Buffer[] = [];
  child.stdout.on("data", (part: Buffer) => parts.push(part));
  await once(child, "close");
  const line = Buffer.concat(parts).toString("utf8").trim().split("\n").at(-1) ?? "";
  if (line === "") throw new Error(`seed ${seed} ended without a result`);
  const result = JSON.parse(line) as SeedResult;
  const told = result.ok ? "ok" : JSON.stringify(result.firstViolation);
  process.stderr.write(`seed ${seed}: ${told} ${result.traceSha256.slice(0, 12)}\n`);
  return result;
}

function emptySum({ first, last, hours, mutate }: RangeOptions): RangeResult {
  return {
    schema: "tms.sim-range/1",
    ok: false,
    first,
    last,
    seeds: 0,
    virtualHours: hours,
    mutate,
    caughtBy: null,
    world: {},
    faults: { kills: 0, partitions: 0, clockSteps: 0, diskFull: 0, corruptions: 0, restores: 0 },
    invariants: [],
    failures: [],
    idle: [],
    milliseconds: 0,
  };
}

function add(sum: RangeResult, result: SeedResult): void {
  const { seed } = result;
  sum.seeds += 1;
  for (const [name, count] of Object.entries(result.world)) sum.world[name] = (sum.world[name] ?? 0) + count;
  for (const name of Object.keys(sum.faults) as (keyof FaultCounts)[]) sum.faults[name] += result.faults[name];
  sum.invariants = result.invariants.map(({ id, checks, violations }) => {
    const before = sum.invariants.find((one) => one.id === id) ?? { checks: 0, violations: 0 };
    return { id, checks: before.checks + checks, violations: before.violations + violations };
  });
  if (!result.ok) {
    if (sum.failures.length < MAX_FAILURES_TOLD) sum.failures.push({ seed, firstViolation: result.firstViolation });
    if (sum.mutate !== null) sum.caughtBy = Math.min(sum.caughtBy ?? seed, seed);
    return;
  }
  const { restores: _, ...always } = result.faults;
  for (const [what, count] of Object.entries(always)) if (count === 0) sum.idle.push({ seed, what });
  for (const { id, checks } of result.invariants) if (checks === 0) sum.idle.push({ seed, what: id });
}

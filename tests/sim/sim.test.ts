import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { INVARIANTS } from "./invariants.ts";
import { MUTATION_NAMES } from "./mutations.ts";
import type { RangeResult } from "./run-range.ts";
import type { SeedResult } from "./run-seed.ts";

const ENTRY = join(import.meta.dirname, "main.ts");

/** The command as people run it: its exit code and the last line of its output. */
function sim<Result>(...args: string[]): Promise<{ exitCode: number; result: Result; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [ENTRY, ...args], (_, stdout, stderr) => {
      const line = stdout.trim().split("\n").at(-1) ?? "";
      resolve({ exitCode: child.exitCode ?? -1, result: line === "" ? null : JSON.parse(line), stderr } as never);
    });
  });
}

test("the same seed gives the same trace, every kind of fault, and a check of every invariant", async () => {
  const [one, other] = await Promise.all([
    sim<SeedResult>("--seed", "4", "--hours", "12"),
    sim<SeedResult>("--seed", "4", "--hours", "12"),
  ]);

  expect(one.result).toEqual(other.result);
  expect(one.result).toMatchObject({ schema: "tms.sim/1", ok: true, seed: 4, virtualHours: 12, firstViolation: null });
  const { restores: _, ...faults } = one.result.faults;
  expect(Object.entries(faults).filter(([, count]) => count === 0)).toEqual([]);
  expect(one.result.invariants.map(({ id }) => id)).toEqual(Object.keys(INVARIANTS));
  expect(one.result.invariants.filter(({ checks }) => checks === 0)).toEqual([]);
  expect(one.exitCode).toBe(0);
});

test("another seed gives another trace", async () => {
  const traces = await Promise.all(["1", "2"].map((seed) => sim<SeedResult>("--seed", seed, "--hours", "1")));

  expect(traces[0]?.result.traceSha256).not.toBe(traces[1]?.result.traceSha256);
});

test.each(MUTATION_NAMES)("%s is caught", async (name) => {
  const { exitCode, result } = await sim<RangeResult>("--seeds", "1..200", "--hours", "12", "--mutate", name);

  expect(result).toMatchObject({ schema: "tms.sim-range/1", ok: true, mutate: name });
  expect(result.caughtBy).toBeLessThanOrEqual(200);
  expect(exitCode).toBe(0);
});

test.each([
  ["--seeds", "5..2"],
  ["--mutate", "nothing"],
  ["--hours", "0"],
  ["--seed", "1", "--seeds", "1..2"],
])("bad usage is told with exit code 2: %s %s", async (...args) => {
  const { exitCode, result, stderr } = await sim<null>(...args);

  expect(exitCode).toBe(2);
  expect(result).toBeNull();
  expect(stderr).toContain("Usage: npm run sim");
});

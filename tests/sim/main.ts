// `npm run sim`: days of faults in moments, decided by a seed. The last line on stdout is one JSON object.
import { parseArgs } from "node:util";
import { MUTATION_NAMES, type MutationName } from "./mutations.ts";
import { runRange } from "./run-range.ts";
import { runSeed } from "./run-seed.ts";

const HELP = `Usage: npm run sim -- [--seed N | --seeds A..B] [--hours H] [--mutate NAME] [--trace]

  --seed N      one world (default 1); the last line on stdout is its result, tms.sim/1
  --seeds A..B  a world for each seed; one line each on stderr, and a line that sums up on stdout: seeds, the sums of
                all counts, failures (seed and first violation) and, with --mutate, caughtBy: the first seed that caught
                it. With --mutate the range ends there, and it is true that the mistake was caught.
  --hours H     virtual hours until the faults end (default 48)
  --mutate NAME plants a mistake where the parts are put together: ${MUTATION_NAMES.join(", ")}
  --trace       with --seed: every line of the trace on stderr, the same that traceSha256 is made of

Exit 0: no violation (or, with --seeds and --mutate, one) · 1: otherwise · 2: bad usage.
`;
const MAX_HOURS = 24 * 365;
const MAX_SEEDS = 100_000;

void main();

async function main(): Promise<void> {
  const options = optionsOf(process.argv.slice(2));
  if (options === null) {
    process.stderr.write(HELP);
    process.exitCode = 2;
    return;
  }
  const { seeds, hours, mutate, trace } = options;
  const onNote = (line: string) => void (trace && process.stderr.write(line));
  const result =
    seeds.isRange || seeds.first !== seeds.last
      ? await runRange({ ...seeds, hours, mutate, entry: import.meta.filename })
      : await runSeed({ seed: seeds.first, hours, mutate, onNote });
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exitCode = result.ok ? 0 : 1;
}

interface Options {
  seeds: { first: number; last: number; isRange: boolean };
  hours: number;
  mutate: MutationName | null;
  trace: boolean;
}

function optionsOf(args: string[]): Options | null {
  const values = valuesOf(args);
  if (values === null || (values.seed !== undefined && values.seeds !== undefined)) return null;
  const range = /^(\d{1,9})(?:\.\.(\d{1,9}))?$/.exec(values.seeds ?? values.seed ?? "1");
  const first = Number(range?.[1]);
  const last = Number(range?.[2] ?? first);
  const hours = Number(values.hours ?? "48");
  const mutate = values.mutate === undefined ? null : MUTATION_NAMES.find((name) => name === values.mutate);
  const isUsable = range !== null && last >= first && last - first < MAX_SEEDS && hours > 0 && hours <= MAX_HOURS;
  if (!isUsable || mutate === undefined) return null;
  return { seeds: { first, last, isRange: values.seeds !== undefined }, hours, mutate, trace: values.trace === true };
}

function valuesOf(args: string[]) {
  try {
    const options = { seed: { type: "string" }, seeds: { type: "string" }, hours: { type: "string" } } as const;
    return parseArgs({ args, options: { ...options, mutate: { type: "string" }, trace: { type: "boolean" } } }).values;
  } catch {
    // An argument that there is not: the caller is shown those there are.
    return null;
  }
}

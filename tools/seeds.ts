// `npm run seeds -- A..B` runs the whole loop once for each seed and sums up; the last line is one JSON object.
import { spawnSync } from "node:child_process";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const MAX_SEEDS = 1000;
/** Both protocols take under two minutes together; a hang must not hold a whole range. */
const ONE_SEED_MS = 5 * 60_000;

interface OnceLine {
  ok: boolean;
  runs: { protocol: string; steps: { ms: number }[] }[];
  failed: { protocol: string; step: string; code: string; cure: string } | null;
}

const range = /^(\d+)(?:\.\.(\d+))?$/.exec(process.argv[2] ?? "");
const first = Number(range?.[1]);
const last = Number(range?.[2] ?? range?.[1]);
if (range === null || last < first || last - first >= MAX_SEEDS) {
  process.stderr.write(`Usage: npm run seeds -- A..B, at most ${MAX_SEEDS} seeds\n`);
  process.exit(2);
}
const dataDir = resolve(process.env.TMS_DATA_DIR ?? join(root, ".data-seeds"));
const failures: { seed: number; failed: OnceLine["failed"] }[] = [];
const milliseconds: number[] = [];
for (let seed = first; seed <= last; seed += 1) {
  const line = runSeed(seed);
  for (const { steps } of line.runs) milliseconds.push(steps.reduce((sum, { ms }) => sum + ms, 0));
  if (!line.ok) failures.push({ seed, failed: line.failed });
  process.stderr.write(`seed ${seed}: ${line.ok ? "ok" : JSON.stringify(line.failed)}\n`);
}
const seeds = last - first + 1;
const slowestMs = Math.max(0, ...milliseconds);
const summary = {
  schema: "tms.seeds/1",
  ok: failures.length === 0,
  seeds,
  runs: milliseconds.length,
  failures,
  slowestMs,
};
process.stdout.write(`${JSON.stringify(summary)}\n`);
process.exit(summary.ok ? 0 : 1);

function runSeed(seed: number): OnceLine {
  const run = spawnSync(
    process.execPath,
    [join(root, "apps/cli/src/main.ts"), "demo", "--once", "--plant-seed", String(seed)],
    {
      cwd: root,
      encoding: "utf8",
      timeout: ONE_SEED_MS,
      env: { ...process.env, TMS_DATA_DIR: dataDir },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  try {
    return JSON.parse(run.stdout.trim().split("\n").at(-1) ?? "") as OnceLine;
  } catch (error) {
    const cure = `${String(error)} ${run.stderr.slice(-500)}`;
    return { ok: false, runs: [], failed: { protocol: "", step: "start", code: "start.process_failed", cure } };
  }
}

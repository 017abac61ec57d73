import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { type PlantedFile, type PlantPlan, planOfSeed } from "./plan-of-seed.ts";
import { downloaderText } from "./planted-scripts.ts";
import { isAlive, type ProcessFacts, processFacts } from "./process-facts.ts";

/** Every planted process lives at least this long with what it wrote held open; agents poll /proc five times as often. */
const HOLD_MS = 1300;
const PLANT_DEADLINE_MS = 40_000;

/** What was planted: the truth that chain, files and crontab are compared with afterwards. */
export interface Planted {
  schema: "tms.planted/1";
  seed: number;
  infected: 0 | 1;
  marker: string;
  sandbox: string;
  processes: (ProcessFacts & { role: string; startedAt: string })[];
  scripts: string[];
  payload: { path: string; sha256: string };
  crontab: { path: string; line: string; sha256Before: string; sha256After: string };
  /** Sandbox-absolute path → SHA-256 of everything that must not change, the twin included. */
  untouched: Record<string, string>;
}

/**
 * Plants the harmless threat of a seed in one sandbox and its twin in the other.
 *
 * @param processes Filled as each process starts, so that whoever asked can end them however the planting goes.
 * @param sandboxes Absolute paths of the two agents' sandboxes, of letters, digits, `/`, `.`, `_`, `-` only.
 */
export async function plant(
  seed: number,
  sandboxes: readonly [string, string],
  processes: Planted["processes"],
): Promise<Planted> {
  const plan = planOfSeed(seed);
  const sandbox = sandboxes[plan.infected];
  const other = sandboxes[1 - plan.infected] ?? "";
  if (![sandbox, other].every((path) => /^[A-Za-z0-9/._-]+$/.test(path))) {
    throw new Error(`The sandbox path ${sandbox} holds characters that a shell would interpret.`);
  }
  await shiftPids(plan.pidShift);
  await prepare(sandbox, plan);
  const crontab = join(sandbox, plan.crontab.path);
  const sha256Before = await digestOf(crontab);
  await place(other, { ...plan.twin, text: `${plan.twin.text}\n` });
  await runPlanted(plan, sandbox, processes);
  const untouched = [
    ...plan.bystanders.map((file) => join(sandbox, file.path)),
    ...plan.scripts.map((path) => join(sandbox, path)),
    join(other, plan.twin.path),
  ];
  return {
    schema: "tms.planted/1",
    seed,
    infected: plan.infected,
    marker: plan.marker,
    sandbox,
    processes,
    scripts: plan.scripts.map((path) => join(sandbox, path)),
    payload: { path: join(sandbox, plan.payload.path), sha256: await digestOf(join(sandbox, plan.payload.path)) },
    crontab: {
      path: crontab,
      line: plan.crontab.line.replace("{sandbox}", sandbox),
      sha256Before,
      sha256After: await digestOf(crontab),
    },
    untouched: Object.fromEntries(
      await Promise.all(untouched.map(async (path) => [path, await digestOf(path)] as const)),
    ),
  };
}

async function prepare(sandbox: string, plan: PlantPlan): Promise<void> {
  for (const file of plan.bystanders) await place(sandbox, file);
  for (const path of [...plan.scripts, plan.payload.path])
    await mkdir(dirname(join(sandbox, path)), { recursive: true });
  await place(sandbox, { path: plan.crontab.path, text: plan.crontab.before });
}

async function place(sandbox: string, file: PlantedFile): Promise<void> {
  await mkdir(dirname(join(sandbox, file.path)), { recursive: true });
  await writeFile(join(sandbox, file.path), file.text);
}

export async function digestOf(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

/** Ends what was planted and still runs, so that a run leaves nothing behind, however it went. */
export async function endPlanted(processes: readonly ProcessFacts[]): Promise<void> {
  for (const process_ of processes) if (await isAlive(process_)) process.kill(process_.pid, "SIGKILL");
}

async function shiftPids(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await new Promise((done) => spawn("/bin/true", { stdio: "ignore" }).once("exit", done));
  }
}

/** Starts the downloader without a living parent, lets each stage go on after its hold, and notes every process. */
async function runPlanted(plan: PlantPlan, sandbox: string, processes: Planted["processes"]): Promise<void> {
  // The launching shell ends at once; what runs on has lost its parent, as a thing from a closed terminal has.
  const launcher = spawn("/bin/sh", ["-c", '/bin/sh -s "$1" 0<&7 7<&- &', "sh", plan.downloader], {
    stdio: ["ignore", "ignore", "ignore", "ignore", "ignore", "ignore", "ignore", "pipe", "pipe", "pipe"],
    detached: true,
    cwd: "/",
  });
  const [script, go, told] = (launcher.stdio as unknown as (Socket | null)[]).slice(7);
  if (!script || !go || !told) throw new Error("no pipes to the planted processes");
  script.end(`${downloaderText(plan, sandbox)}\n`);
  const deadline = AbortSignal.timeout(PLANT_DEADLINE_MS);
  const lines = createInterface({ input: told, signal: deadline });
  for await (const line of lines) {
    const [role = "", pid = ""] = line.split(" ");
    const facts = await processFacts(Number(pid));
    if (facts === null) throw new Error(`the planted ${role} ended at once`);
    processes.push({ ...facts, role, startedAt: new Date().toISOString() });
    await pause(HOLD_MS, undefined, { signal: deadline });
    go.write("go\n");
  }
  if (processes.at(-1)?.role !== "sleeper")
    throw new Error("the planted processes stopped before the sleeper was started");
}

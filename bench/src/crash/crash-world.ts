import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { MeteredLine } from "../line/metered-line.ts";
import { type BenchPortal, type BenchProduct, startBenchPortal } from "../portal/bench-portal.ts";
import type { LowerJob } from "./lower-process.ts";
import { LowerRun } from "./lower-run.ts";
import type { Victim } from "./under-fire.ts";

/** A real portal, a product of it, and a metered line to each of its servers. */
export interface CrashWorld {
  directory: string;
  portal: BenchPortal;
  product: BenchProduct;
  lines: { status: MeteredLine; ssl: MeteredLine; ssh: MeteredLine };
  random: () => number;
  close(): Promise<void>;
}

/** 14 files of 60 KB: the regular pattern is not far from the largest that the product takes (1 MiB). */
const RULE_FILES = 14;
const RULE_PADDING_BYTES = 60_000;

export async function openCrashWorld(directory: string, seed: number): Promise<CrashWorld> {
  const rules = join(directory, "rules");
  await mkdir(rules);
  for (let file = 1; file <= RULE_FILES; file += 1) await writeFile(join(rules, `rule-${file}.yar`), ruleOf(file));
  const portal = await startBenchPortal(directory, { rules });
  const product = await portal.registerProduct(join(directory, "lower"));
  const { statusServer, logServer } = portal.details;
  const lines = {
    status: await MeteredLine.start(statusServer),
    ssl: await MeteredLine.start(logServer.ssl),
    ssh: await MeteredLine.start(logServer.ssh),
  };
  return {
    directory,
    portal,
    product,
    lines,
    random: randomOf(seed),
    close: async () => {
      await Promise.all(Object.values(lines).map((line) => line.close()));
      await portal.close();
    },
  };
}

function ruleOf(file: number): string {
  const padding = randomBytes(RULE_PADDING_BYTES / 2).toString("hex");
  return `/* ${padding} */
rule bench_${file}
{
  meta:
    id = "R-90${String(file).padStart(2, "0")}"
    title = "Made for the bench"
    severity = "low"
    severity_reason = "it is made for the bench"
  strings:
    $marker = "TMS-BENCH-${file}"
  condition:
    $marker
}
`;
}

/** mulberry32: small, and the same seed gives the same kills. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function jobOf(
  world: CrashWorld,
  how: Pick<LowerJob, "work" | "kbits"> & { protocol?: "ssl" | "ssh" },
): LowerJob {
  const { product, lines } = world;
  const { protocol = "ssl", work, kbits } = how;
  return {
    directory: join(world.directory, "lower"),
    instanceId: product.instanceId,
    statusServer: { host: "127.0.0.1", port: lines.status.port },
    logServer: { host: "127.0.0.1", port: lines[protocol].port, protocol },
    kbits,
    work,
  };
}

/** The lower party over its incarnations. */
export class Lower {
  readonly #job: LowerJob;
  #run: LowerRun;

  constructor(job: LowerJob) {
    this.#job = job;
    this.#run = new LowerRun(job);
  }

  get isDone(): boolean {
    return this.#run.isDone;
  }

  readonly victim: Victim = {
    name: "lower",
    weight: 60,
    kill: async () => {
      await this.#run.kill();
      this.#run = new LowerRun(this.#job);
    },
  };

  ended(): Promise<void> {
    return this.#run.ended();
  }
}

export function frontVictim({ portal }: CrashWorld): Victim {
  return {
    name: "portal",
    weight: 35,
    kill: async () => {
      await portal.front.kill();
      await portal.front.start();
    },
  };
}

const BACK_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 20;

/** A store's process; whoever supervises it starts it again. */
export function storeVictim({ portal }: CrashWorld, store: "postgres" | "eventStore", weight: number): Victim {
  return {
    name: store === "postgres" ? "postgresql" : "event store",
    weight,
    kill: async () => {
      const pid = portal.stores.pids()[store];
      process.kill(pid, "SIGKILL");
      const until = performance.now() + BACK_WITHIN_MS;
      while (portal.stores.pids()[store] === pid || !(await answers(portal, store))) {
        if (performance.now() > until) throw new Error(`${store} did not come back`);
        await pause(LOOK_EVERY_MS);
      }
    },
  };
}

async function answers(portal: BenchPortal, store: "postgres" | "eventStore"): Promise<boolean> {
  try {
    if (store === "postgres") await portal.database.query("select 1");
    else return (await portal.events.ping()).success;
    return true;
  } catch {
    // That is the answer: it does not serve yet.
    return false;
  }
}

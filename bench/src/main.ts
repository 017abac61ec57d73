import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { type Bench, goalsMet } from "./bench.ts";
import { crashBench } from "./crash/crash-bench.ts";
import { heartbeatsBench } from "./fleet/heartbeats-bench.ts";
import { registrationsBench } from "./fleet/registrations-bench.ts";
import { intakeBench } from "./intake/intake-bench.ts";
import { bandwidthBench } from "./line/bandwidth-bench.ts";
import { outageBench } from "./outage/outage-bench.ts";
import { proxyBench } from "./proxy/proxy-bench.ts";

// `npm run bench -- NAME [--quick] [--rounds N]`: measures, compares with a baseline in the same run, verifies that nothing was lost.
// The last line is one JSON object (`tms.bench/1`), also kept in bench/results. A missed goal exits 0 and says so.

const BENCHES: Record<string, Bench> = {
  intake: intakeBench,
  heartbeats: heartbeatsBench,
  registrations: registrationsBench,
  outage: outageBench,
  crash: crashBench,
  bandwidth: bandwidthBench,
  proxy: proxyBench,
};
const RESULTS = join(import.meta.dirname, "..", "results");

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--list")) {
    print({
      schema: "tms.bench-list/1",
      ok: true,
      benches: Object.entries(BENCHES).map(([name, { seconds }]) => ({ name, seconds })),
    });
    return 0;
  }
  const name = args.find((argument) => !argument.startsWith("-")) ?? "";
  const bench = BENCHES[name];
  if (bench === undefined) {
    process.stderr.write(
      `Usage: npm run bench -- NAME [--quick] [--rounds N]; names: ${Object.keys(BENCHES).join(", ")}\n`,
    );
    return 2;
  }
  const quick = args.includes("--quick");
  const load1 = loadavg()[0] ?? 0;
  const rounds = Number(args[args.indexOf("--rounds") + 1]);
  const measured = await bench.run({
    quick,
    say: (line) => process.stderr.write(`${line}\n`),
    ...(args.includes("--rounds") && rounds > 0 ? { rounds } : {}),
  });
  const controlsHold = measured.controls.every(({ expected, got }) => expected === got);
  const verified = measured.verified.digestEqual && measured.verified.sent === measured.verified.stored;
  const result = {
    schema: "tms.bench/1",
    ok: verified && controlsHold,
    bench: name,
    commit: commitOf(),
    machine: { cpu: cpus()[0]?.model ?? "", cores: cpus().length, memBytes: totalmem(), node: process.version, load1 },
    ...measured,
    goals: goalsMet(measured.goals, measured.figures),
  };
  if (!quick) keep(name, result);
  print(result);
  return result.ok ? 0 : 1;
}

function keep(name: string, result: object): void {
  mkdirSync(RESULTS, { recursive: true });
  const date = new Date().toISOString().slice(0, 10);
  writeFileSync(join(RESULTS, `${date}-${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
}

function commitOf(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short=12", "HEAD"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch (error) {
    // A source archive has no history; the figures are no less true.
    process.stderr.write(`no commit is named: ${String(error)}\n`);
    return "";
  }
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  type EndpointId,
  newId,
  type PatternId,
  type RootCauseRecord,
  systemClock,
  type ThreatEventRecord,
} from "@tms/records";
import { createScanEngine } from "@tms/scan-engine";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RegularRules } from "#app/patterns/index.ts";
import { FileScanner } from "#app/scan/index.ts";
import { createTelemetry, createWatchedPaths } from "#app/telemetry/index.ts";
import { openAgentState } from "./agent-state.ts";
import { createAssessor } from "./assessor.ts";

// Real processes, real files, the real scanner: a downloader whose parent has ended, a script, its payload, a crontab
// line and a process that holds the payload.

const MARKER = "made-up-marker-4711";
const RULE = { id: "made_up_marker", source: `rule made_up_marker { strings: $a = "${MARKER}" condition: $a }` };
/** The planted processes end by themselves even if the test is killed. */
const LIFE_SECONDS = 30;

interface Seen {
  events: ThreatEventRecord[];
  chain: RootCauseRecord[];
}

async function withAgent<T>(
  work: (agent: {
    sandbox: string;
    dataDir: string;
    seen: Seen;
    look(): Promise<void>;
    assessed(): Promise<void>;
  }) => Promise<T>,
): Promise<T> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tms-explain-")));
  const sandbox = join(root, "sandbox");
  const dataDir = join(root, "data");
  for (const folder of [sandbox, dataDir]) mkdirSync(folder);
  writeFileSync(join(sandbox, "crontab"), "# jobs\n0 4 * * * /usr/bin/true\n");
  const engine = await createScanEngine({ kind: "auto" });
  const ruleSet = await engine.load([RULE]);
  const state = openAgentState(join(dataDir, "state.db"));
  const watched = createWatchedPaths([sandbox], [dataDir]);
  const problems: unknown[] = [];
  const telemetry = createTelemetry({
    watched,
    crontabs: [Buffer.from(join(sandbox, "crontab"))],
    pollMs: 100,
    clock: systemClock,
    onChange: () => undefined,
    onProblem: (error) => problems.push(error),
  });
  const seen: Seen = { events: [], chain: [] };
  const told = Promise.withResolvers<void>();
  const assessor = createAssessor({
    state,
    endpoint: newId<EndpointId>(),
    host: "ws-test",
    clock: systemClock,
    settleMs: 400,
    telemetry: { events: () => telemetry.log.events(), lookNow: () => telemetry.lookNow() },
    sink: {
      threatEvents: async (records) => {
        seen.events.push(...records);
        if (records.some((record) => record.kind === "assessment")) told.resolve();
      },
      rootCause: async (records) => void seen.chain.push(...records),
    },
    onProblem: (error) => told.reject(error),
  });
  const scanner = new FileScanner(engine, watched, systemClock);
  try {
    await telemetry.start();
    const result = await work({
      sandbox,
      dataDir,
      seen,
      assessed: () => told.promise,
      look: async () => {
        telemetry.lookNow();
        await assessor.onHits((await scanner.scan(ruleSet)).hits, rulesOf(ruleSet));
      },
    });
    expect(problems).toEqual([]);
    return result;
  } finally {
    assessor.stop();
    await telemetry.stop();
    await engine.close();
    state.close();
    rmSync(root, { recursive: true });
  }
}

describe("a planted threat", () => {
  const pids: number[] = [];
  const result: { seen: Seen; sandbox: string }[] = [];
  beforeAll(async () => {
    await withAgent(async (agent) => {
      pids.push(...(await plant(agent.sandbox)));
      await agent.look();
      await agent.look();
      await agent.assessed();
      result.push({ seen: agent.seen, sandbox: agent.sandbox });
    });
  }, 40_000);
  afterAll(() => {
    for (const pid of pids) process.kill(pid, "SIGKILL");
  });
  function seenResult() {
    const [first] = result;
    if (first === undefined) throw new Error("nothing was planted");
    return first;
  }

  test("is detected once, then assessed as unresolved, under one threat id and one chain", () => {
    const { events } = seenResult().seen;

    expect(events.map((event) => [event.kind, event.body.status])).toEqual([
      ["detection", "assessing"],
      ["assessment", "unresolved-threats-remain"],
    ]);
    expect(new Set(events.map((event) => `${event.body.threatId} ${event.body.chain}`)).size).toBe(1);
  });

  test("is explained from the downloader over the script to the payload", () => {
    const { seen, sandbox } = seenResult();
    const nodes = seen.chain.flatMap((record) => ("node" in record.body ? [record.body.node] : []));
    const path = nodes
      .filter((node) => node.pathIndex !== undefined)
      .sort((a, b) => (a.pathIndex ?? 0) - (b.pathIndex ?? 0));

    expect(path.map((node) => node.pid ?? node.path)).toEqual([
      pids[0],
      join(sandbox, "script.cjs"),
      pids[1],
      join(sandbox, "payload"),
    ]);
    // Whether a poll caught the launcher in the moment it lived is chance; either way the reason says what was seen.
    expect(path[0]?.rootCauseReason).toMatch(/parent had ended|started it and did nothing else/);
    expect(path.at(-1)).toMatchObject({ detected: true });
  });

  test("shows the crontab line with its writer and the holder of the payload", () => {
    const { chain } = seenResult().seen;
    const nodes = new Map(
      chain.flatMap((record) => ("node" in record.body ? [[record.body.node.id, record.body.node]] : [])),
    );
    const edges = chain.flatMap((record) => ("edge" in record.body ? [record.body.edge] : []));
    const drawn = edges.map((edge) => {
      const [from, to] = [nodes.get(edge.from), nodes.get(edge.to)];
      return `${from?.pid ?? from?.kind} ${edge.kind} ${to?.pid ?? to?.kind}`;
    });

    expect(drawn).toEqual(
      expect.arrayContaining([
        `${pids[0]} wrote file`,
        `file executed ${pids[1]}`,
        `${pids[1]} wrote file`,
        `${pids[1]} persisted persistence`,
        `${pids[1]} started ${pids[2]}`,
        `file read ${pids[2]}`,
      ]),
    );
    expect(drawn.filter((edge) => edge !== `not-observed started ${pids[0]}`)).toHaveLength(7);
  });
});

test("a twin without the marker is not reported", async () => {
  await withAgent(async (agent) => {
    writeFileSync(join(agent.sandbox, "twin"), "the same size, no mark");

    await agent.look();

    expect(agent.seen.events).toEqual([]);
  });
}, 20_000);

test("a name of hostile bytes is found and shown escaped", async () => {
  await withAgent(async (agent) => {
    const name = Buffer.concat([
      Buffer.from(`${agent.sandbox}/a\n`),
      Buffer.from([0xff, 0x1b]),
      Buffer.from("[31m\u202e"),
    ]);
    writeFileSync(name, MARKER);

    await agent.look();

    expect(agent.seen.events[0]?.body.file?.path).toBe(`${agent.sandbox}/a\\x0a\\xff\\x1b[31m\\u{202e}`);
  });
}, 20_000);

test("the agent's own folder is never scanned", async () => {
  await withAgent(async (agent) => {
    writeFileSync(join(agent.dataDir, "kept"), MARKER);

    await agent.look();

    expect(agent.seen.events).toEqual([]);
  });
}, 20_000);

/** @returns The pids of downloader, script and holder. */
async function plant(sandbox: string): Promise<number[]> {
  const script = `
    const fs = require("node:fs");
    const payload = fs.openSync("payload", "w");
    fs.writeSync(payload, Buffer.from("${Buffer.from(MARKER).toString("hex")}", "hex"));
    const cron = fs.openSync("crontab", "a");
    fs.writeSync(cron, "@reboot ${sandbox}/script.cjs\\n");
    const readable = fs.openSync("payload", "r");
    const holder = require("node:child_process").spawn("/bin/sleep", ["${LIFE_SECONDS}"], { stdio: ["ignore", "ignore", "ignore", readable] });
    fs.writeFileSync("../pids.part", JSON.stringify([process.ppid, process.pid, holder.pid]));
    fs.renameSync("../pids.part", "../pids");
    setTimeout(() => {}, ${LIFE_SECONDS}000);
  `;
  const downloader = `
    const fs = require("node:fs");
    const script = fs.openSync("script.cjs", "w");
    fs.writeSync(script, ${JSON.stringify(script)});
    require("node:child_process").spawn(process.execPath, ["script.cjs"], { stdio: "ignore" });
    setTimeout(() => {}, ${LIFE_SECONDS}000);
  `;
  // The launcher ends at once, so that the downloader is an orphan.
  const launcher = `
    require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(downloader)}], { stdio: "ignore", detached: true }).unref();
  `;
  const started = spawn(process.execPath, ["-e", launcher], { cwd: sandbox, stdio: "ignore" });
  await new Promise((resolve) => started.once("exit", resolve));
  const file = join(sandbox, "..", "pids");
  // Waits for a file, not for a time: the planted script names its pids when everything stands.
  for (let tries = 0; !existsSync(file) && tries < 500; tries += 1) await pause(20);
  return JSON.parse(readFileSync(file, "utf8")) as number[];
}

function rulesOf(ruleSet: RegularRules["ruleSet"]): RegularRules {
  return {
    pattern: { id: "RP-regular" as PatternId, version: 1 },
    ruleSet,
    describe: () => ({ title: "Made-up marker", severity: "high", severityReason: "It is a marker.", techniques: [] }),
    stepsFor: () => 0,
  };
}

import { mkdir, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Bench, inHundredths, type Measured, quantile } from "../bench.ts";
import { type Child, startChild } from "../child.ts";
import { type Fleet, startFleet } from "../fleet/fleet.ts";
import type { Server } from "../fleet/member.ts";
import { contentInStore, createContentDigest } from "../intake/content-digest.ts";
import { realisticEvents } from "../intake/realistic-events.ts";
import { sendSample } from "../intake/samples.ts";
import { makeTemplate } from "../intake/template.ts";
import { type BenchPortal, startBenchPortal } from "../portal/bench-portal.ts";
import { cpuSecondsOf } from "../process-usage.ts";
import type { LinksOrder, LinksReport } from "./links-process.ts";

// The portal is away for an hour, many mitigators go on spooling, and all come back.

const FULL = { mitigators: 2_000, eventsEach: 500, intakeEvents: 200_000, intakeSamples: 5, others: 100 };
const QUICK = { mitigators: 60, eventsEach: 500, intakeEvents: 20_000, intakeSamples: 1, others: 10 };
const PROCESSES = 2;
const AWAY = "1 hour";
const DEADLINE_MS = 300_000;
const LOOK_EVERY_MS = 500;

type Scale = typeof FULL;
type Links = Child<LinksOrder, LinksReport>;

export const outageBench: Bench = {
  seconds: 600,
  async run({ quick, say }) {
    const scale = quick ? QUICK : FULL;
    const directory = await realpath(await mkdtemp(join(tmpdir(), "tms-bench-outage-")));
    const opened = new AsyncDisposableStack();
    try {
      opened.defer(() => rm(directory, { recursive: true, force: true }));
      const portal = await startBenchPortal(directory);
      opened.defer(() => portal.close());
      const links = Array.from({ length: PROCESSES }, () =>
        startChild<LinksOrder, LinksReport>(join(import.meta.dirname, "links-process.ts")),
      );
      for (const one of links) opened.defer(() => one.close());
      return await measure({ portal, links, directory, scale, say });
    } finally {
      await opened.disposeAsync();
    }
  },
};

interface World {
  portal: BenchPortal;
  links: Links[];
  directory: string;
  scale: Scale;
  say: (line: string) => void;
}

async function measure(world: World): Promise<Measured> {
  const { portal, links, scale, say } = world;
  const intake = await intakeRates(world);
  await Promise.all(
    links.map((one, at) => {
      const count = scale.mitigators / links.length;
      const place = { directory: world.directory, first: at * count, count };
      return one.order({ kind: "open", ...place, details: portal.details, password: portal.password });
    }),
  );
  await until(world, ({ connected }) => connected === scale.mitigators);
  say(`${scale.mitigators} mitigators are connected`);
  const others = await openOthers(world);
  await portal.front.kill();
  await Promise.all(links.map((one) => one.order({ kind: "fill", from: scale.intakeEvents, each: scale.eventsEach })));
  await setBack(portal);
  const waiting = (await lookAt(links)).waiting;
  await portal.front.start();
  const offlineAtOnce = await offlineIn(portal);
  const drained = await drain(world, others);
  const offlineAfter = await offlineIn(portal);
  say(`drained: ${JSON.stringify(drained)}`);
  const total = scale.mitigators * scale.eventsEach;
  const stored = await index(world, total);
  const figures = {
    heartbeatP50Ms: drained.p50Ms,
    heartbeatP99Ms: drained.p99Ms,
    drainSeconds: drained.seconds,
    drainedPerSecond: Math.round(waiting / drained.seconds),
    drainedPerSecondBusiest: Math.round(drained.busiest),
    drainRatio: inHundredths(drained.busiest / intake.perSecond),
    drainedPerCpuSecond: Math.round(waiting / drained.cpuSeconds),
    drainCpuRatio: inHundredths(waiting / drained.cpuSeconds / intake.perCpuSecond),
    falseOffline: offlineAtOnce + offlineAfter,
    lost: total + scale.intakeEvents - stored.distinct,
    doubled: stored.doubled,
  };
  for (const one of links) await one.order({ kind: "stop" });
  return {
    params: {
      ...scale,
      away: AWAY,
      busiest: "the busiest 10 s",
      others: "products that only beat, to time heartbeats",
    },
    samples: intake.samples,
    figures,
    baseline: { intakePerSecond: Math.round(intake.perSecond), intakePerCpuSecond: Math.round(intake.perCpuSecond) },
    goals: [
      { name: "lost", op: "<=", goal: 0 },
      { name: "doubled", op: "<=", goal: 0 },
      { name: "falseOffline", op: "<=", goal: 0 },
      { name: "heartbeatP99Ms", op: "<=", goal: 1000 },
      { name: "drainRatio", op: ">=", goal: 0.8 },
    ],
    verified: { sent: total + scale.intakeEvents, stored: stored.distinct, digestEqual: stored.digestEqual },
    controls: [
      { name: "records that waited when the portal came back", expected: String(total), got: String(waiting) },
      { name: "heartbeats of the others that failed", expected: "0", got: String(drained.failed) },
      {
        name: "a product that was silent for an hour that the portal served",
        expected: "1",
        got: await silentIsOffline(portal),
      },
    ],
  };
}

/** What the portal takes from one sender with nothing else to do, in the same run. */
async function intakeRates({ portal, directory, scale }: World) {
  const folder = join(directory, "template");
  await mkdir(folder);
  const template = await makeTemplate(folder, scale.intakeEvents);
  const perSecond: number[] = [];
  const before = cpuSecondsOf(portal.front.pid());
  for (let sample = 0; sample < scale.intakeSamples; sample += 1) {
    const how = { protocol: "ssl", directory: join(directory, `intake-${sample}`) } as const;
    perSecond.push((await sendSample(portal, template, how)).perSecond);
  }
  const cpuSeconds = cpuSecondsOf(portal.front.pid()) - before;
  perSecond.sort((left, right) => left - right);
  return {
    samples: scale.intakeSamples,
    perSecond: quantile(perSecond, 0.5),
    perCpuSecond: (scale.intakeEvents * scale.intakeSamples) / cpuSeconds,
  };
}

/** The hour passes at once: every time that the portal's heartbeats know lies an hour further back. */
async function setBack({ database }: BenchPortal): Promise<void> {
  const { rows } = await database.query<{ table: string; columns: string[] }>(
    `select table_name as table, array_agg(column_name::text) as columns from information_schema.columns
      where table_schema = 'public' and table_name like 'heartbeats\\_%' and data_type = 'timestamp with time zone'
      group by table_name`,
  );
  for (const { table, columns } of rows) {
    const moved = columns.map((column) => `${column} = ${column} - interval '${AWAY}'`);
    await unguarded(database, table, `update ${table} set ${moved.join(", ")}`);
  }
}

/** The guard binds the owner too, so it is lifted for this statement. */
async function unguarded(database: BenchPortal["database"], table: string, statement: string): Promise<void> {
  await database.query(`alter table ${table} no force row level security; ${statement};
    alter table ${table} force row level security`);
}

/** Products that beat meanwhile, and whose heartbeats are timed. */
async function openOthers({ portal, directory, scale }: World): Promise<Others> {
  const server = { ...portal.details.statusServer, caPem: await readFile(join(directory, "portal", "ca.pem"), "utf8") };
  const fleet = startFleet();
  const own = { userName: portal.details.userName, password: portal.password };
  await fleet.order({ kind: "make", first: 50_000, count: scale.others });
  const { statuses } = await fleet.order({ kind: "register", server, credentials: [own], atOnce: 2 });
  if (statuses[200] !== scale.others) throw new Error(`not all registered: ${JSON.stringify(statuses)}`);
  // Their connections end with the portal's process, and each opens another one.
  await fleet.order({ kind: "close" });
  return { fleet, server };
}

interface Others {
  fleet: Fleet;
  server: Server;
}

async function drain({ portal, links, scale, say }: World, { fleet, server }: Others) {
  try {
    const pid = portal.front.pid();
    const before = { at: performance.now(), cpu: cpuSecondsOf(pid) };
    const marks = [{ atMs: 0, waiting: (await lookAt(links)).waiting }];
    const latenciesMs: number[] = [];
    let failed = 0;
    while ((marks.at(-1)?.waiting ?? 0) > 0) {
      const order = { kind: "beat", server, count: scale.others, seconds: 1, atOnce: 2, connection: "open" } as const;
      const beats = await fleet.order(order);
      latenciesMs.push(...beats.latenciesMs);
      failed += Object.entries(beats.statuses).reduce((sum, [status, n]) => sum + (status === "200" ? 0 : n), 0);
      const { waiting, connected } = await lookAt(links);
      marks.push({ atMs: performance.now() - before.at, waiting });
      say(`${waiting} records wait, ${connected} mitigators are back`);
      if (performance.now() - before.at > DEADLINE_MS) throw new Error("not everything drained in time");
    }
    latenciesMs.sort((left, right) => left - right);
    return {
      seconds: inHundredths((marks.at(-1)?.atMs ?? 0) / 1000),
      cpuSeconds: cpuSecondsOf(pid) - before.cpu,
      busiest: busiestOf(marks),
      p50Ms: inHundredths(quantile(latenciesMs, 0.5)),
      p99Ms: inHundredths(quantile(latenciesMs, 0.99)),
      failed,
    };
  } finally {
    await fleet.close();
  }
}

const BUSIEST_MS = 10_000;
const DIGEST_STEP = 10_000;

/** Records a second in the busiest span of ten seconds, or over all of it if that was shorter. */
function busiestOf(marks: readonly { atMs: number; waiting: number }[]): number {
  const rates = marks.flatMap((from) => {
    const to = marks.find(({ atMs }) => atMs - from.atMs >= BUSIEST_MS);
    return to === undefined ? [] : [rateOf(from, to)];
  });
  const [first, last] = [marks.at(0), marks.at(-1)];
  if (rates.length > 0 || first === undefined || last === undefined) return Math.max(...rates);
  return rateOf(first, last);
}

function rateOf(from: { atMs: number; waiting: number }, to: { atMs: number; waiting: number }): number {
  return (from.waiting - to.waiting) / ((to.atMs - from.atMs) / 1000);
}

async function index({ portal, scale }: World, total: number) {
  const worker = await portal.startWorker();
  try {
    const all = total + scale.intakeEvents * scale.intakeSamples;
    const until = performance.now() + DEADLINE_MS;
    for (;;) {
      const { rows } = await portal.database.query<{ n: string }>(
        "select coalesce(sum(new_ids + repeated + kept_aside), 0) as n from event_index_batches",
      );
      if (Number(rows[0]?.n ?? 0) >= all) break;
      if (performance.now() > until) throw new Error("not everything was indexed in time");
      await pause(LOOK_EVERY_MS);
    }
  } finally {
    await worker.stop();
  }
  // Those of intake are the first numbers; its samples sent the same ones, by products of their own.
  const distinct = total + scale.intakeEvents;
  const digest = createContentDigest();
  for (let from = 0; from < distinct; from += DIGEST_STEP) {
    const records = realisticEvents(from, Math.min(DIGEST_STEP, distinct - from));
    for (const record of records) digest.add(record.id, JSON.stringify(record));
  }
  const stored = await contentInStore(portal.events, { table: "threat_events" });
  const counted = await portal.events.query({
    query: "select toString(count() - uniqExact(product, id)) as doubled from threat_events",
    format: "JSONEachRow",
  });
  const [row] = await counted.json<{ doubled: string }>();
  return {
    distinct: stored.distinct,
    doubled: Number(row?.doubled ?? Number.NaN),
    digestEqual: stored.digest === digest.text(),
  };
}

async function offlineIn({ person }: BenchPortal): Promise<number> {
  const { counts } = await person.listProducts({ query: { pageSize: 1 } });
  return counts.offline ?? 0;
}

/** Proof that the list would say so: one product's last heartbeat lies two hours back, and the portal served them. */
async function silentIsOffline(portal: BenchPortal): Promise<string> {
  const { database } = portal;
  await unguarded(
    database,
    "heartbeats_serving",
    "update heartbeats_serving set since = now() - interval '3 hours', until = now()",
  );
  // Those of intake have been silent for so long indeed.
  const before = await offlineIn(portal);
  await unguarded(
    database,
    "heartbeats_last_seen",
    `update heartbeats_last_seen set at = now() - interval '2 hours'
      where product = (select min(product::text)::uuid from heartbeats_last_seen where at > now() - interval '10 minutes')`,
  );
  return String((await offlineIn(portal)) - before);
}

async function until(world: World, holds: (report: LinksReport) => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!holds(await lookAt(world.links))) {
    if (performance.now() > deadline) throw new Error("the mitigators did not get there in time");
    await pause(LOOK_EVERY_MS);
  }
}

async function lookAt(links: readonly Links[]): Promise<LinksReport> {
  const reports = await Promise.all(links.map((one) => one.order({ kind: "look" })));
  const sum = (of: keyof LinksReport) => reports.reduce((total, report) => total + report[of], 0);
  return { connected: sum("connected"), waiting: sum("waiting") };
}

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linkHeartbeat } from "@tms/contracts/link";
import { createAuthority } from "@tms/link";
import { systemClock } from "@tms/records";
import { Agent, request } from "undici";
import { type Bench, inHundredths, type Measured, median, quantile } from "../bench.ts";
import { type BenchPortal, startBenchPortal } from "../portal/bench-portal.ts";
import { cpuSecondsOf, residentBytesOf, treeCpuSeconds } from "../process-usage.ts";
import { type Fleet, startFleet } from "./fleet.ts";
import type { FleetReport } from "./fleet-process.ts";
import type { Server } from "./member.ts";

// What a heartbeat costs, beside the least that a mutually authenticated request can cost in node.

const FULL = { products: 10_000, held: 2_000, samples: 5, seconds: 4, liveSeconds: 180 };
const QUICK = { products: 400, held: 200, samples: 3, seconds: 2, liveSeconds: 70 };
const AT_ONCE = { open: 32, new: 8 } as const;
/** As the product does: the next heartbeat each minute, most of it waiting for news. */
const LIVE = { everySeconds: 60, waitSeconds: 50 };
/** Until every product has come once; then it counts. */
const WARM_SECONDS = 60;

type Scale = typeof FULL;

export const heartbeatsBench: Bench = {
  seconds: 900,
  async run({ quick, say }) {
    const scale = quick ? QUICK : FULL;
    const directory = await realpath(await mkdtemp(join(tmpdir(), "tms-bench-beats-")));
    const opened = new AsyncDisposableStack();
    try {
      opened.defer(() => rm(directory, { recursive: true, force: true }));
      const portal = await startBenchPortal(directory);
      opened.defer(() => portal.close());
      const bare = await startBare(directory);
      opened.defer(() => bare.close());
      const fleets = [startFleet(), startFleet()];
      for (const fleet of fleets) opened.defer(() => fleet.close());
      return await measure({ portal, bare, fleets, scale, say });
    } finally {
      await opened.disposeAsync();
    }
  },
};

/** A server under measurement: where it is, and its process. */
interface Measurand {
  server: Server;
  pid: number;
}

interface World {
  portal: BenchPortal;
  bare: Measurand;
  fleets: Fleet[];
  scale: Scale;
  say: (line: string) => void;
}

async function measure(world: World): Promise<Measured> {
  const { portal, bare, fleets, scale, say } = world;
  const caPem = await readFile(String(portal.front.ready().caPem), "utf8");
  const real: Measurand = { server: { ...portal.details.statusServer, caPem }, pid: portal.front.pid() };
  const registered = await registerAll(world, real.server);
  const [first] = fleets;
  if (first === undefined) throw new Error("no fleet");
  const statuses: FleetReport["statuses"][] = [];
  const held = { bare: await holdBytes(first, bare, scale), portal: await holdBytes(first, real, scale) };
  say(`held: ${Math.round(held.bare / 1024)} KiB a connection bare, ${Math.round(held.portal / 1024)} KiB here`);
  const rates = { bareOpen: [] as number[], open: [] as number[], bareNew: [] as number[], new: [] as number[] };
  for (let sample = 0; sample < scale.samples; sample += 1) {
    for (const connection of ["open", "new"] as const) {
      const [ofBare, ofReal] =
        connection === "open" ? ([rates.bareOpen, rates.open] as const) : ([rates.bareNew, rates.new] as const);
      ofBare.push(await perCpuSecond(first, bare, { connection, scale, statuses }));
      ofReal.push(await perCpuSecond(first, real, { connection, scale, statuses }));
    }
    say(
      `sample ${sample + 1}: ${Object.entries(rates)
        .map(([name, of]) => `${name} ${Math.round(of.at(-1) ?? 0)}`)
        .join(", ")} a CPU-second`,
    );
  }
  const lived = await live(world, real, statuses);
  return {
    params: {
      ...scale,
      ...LIVE,
      atOnce: AT_ONCE,
      processes: fleets.length,
      perCpuSecond: "answers a second of the server's own process; PostgreSQL is told beside it",
    },
    samples: scale.samples,
    figures: {
      openPerCpuSecond: Math.round(median(rates.open)),
      newPerCpuSecond: Math.round(median(rates.new)),
      openRatio: ratioOf(rates.open, rates.bareOpen),
      newRatio: ratioOf(rates.new, rates.bareNew),
      heldKibibytes: Math.round(held.portal / 1024),
      heldRatio: inHundredths(held.portal / held.bare),
      ...lived,
    },
    baseline: {
      openPerCpuSecond: Math.round(median(rates.bareOpen)),
      newPerCpuSecond: Math.round(median(rates.bareNew)),
      heldKibibytes: Math.round(held.bare / 1024),
    },
    goals: [
      { name: "openRatio", op: ">=", goal: 0.6 },
      { name: "newRatio", op: ">=", goal: 0.8 },
      { name: "heldRatio", op: "<=", goal: 1.3 },
      { name: "liveCores", op: "<=", goal: 0.2 },
      { name: "liveGigabytes", op: "<=", goal: 1.1 },
      { name: "liveP99Ms", op: "<=", goal: 100 },
    ],
    verified: { sent: scale.products, stored: await heardOf(portal), digestEqual: registered === scale.products },
    controls: [
      { name: "answers that were not 200", expected: "0", got: String(notOk(statuses)) },
      { name: "a product that is not registered", expected: "401", got: await strangerStatus(real.server) },
    ],
  };
}

async function registerAll({ portal, fleets, scale, say }: World, server: Server): Promise<number> {
  const count = scale.products / fleets.length;
  const credentials = [{ userName: portal.details.userName, password: portal.password }];
  const reports = await Promise.all(
    fleets.map(async (fleet, at) => {
      await fleet.order({ kind: "make", first: at * count, count });
      return fleet.order({ kind: "register", server, credentials, atOnce: 4 });
    }),
  );
  const registered = reports.reduce((sum, { statuses }) => sum + (statuses[200] ?? 0), 0);
  say(`${registered} products registered in ${Math.round(Math.max(...reports.map(({ seconds }) => seconds)))} s`);
  return registered;
}

async function perCpuSecond(
  fleet: Fleet,
  { server, pid }: Measurand,
  how: { connection: "open" | "new"; scale: Scale; statuses: FleetReport["statuses"][] },
): Promise<number> {
  const { connection, scale, statuses } = how;
  await fleet.order({ kind: "close" });
  const order = { kind: "beat", server, count: scale.held, atOnce: AT_ONCE[connection], connection } as const;
  // Connections are opened, and the server is warm, before it counts.
  await fleet.order({ kind: "hold", server, count: scale.held, waitSeconds: 0 });
  await fleet.order({ ...order, seconds: scale.seconds / 2 });
  const before = cpuSecondsOf(pid);
  const report = await fleet.order({ ...order, seconds: scale.seconds });
  statuses.push(report.statuses);
  return (report.statuses[200] ?? 0) / (cpuSecondsOf(pid) - before);
}

/** Memory of a connection that is held open, with its long poll. */
async function holdBytes(fleet: Fleet, { server, pid }: Measurand, scale: Scale): Promise<number> {
  await fleet.order({ kind: "close" });
  await fleet.order({
    kind: "beat",
    server,
    count: scale.held,
    seconds: 2 * scale.seconds,
    atOnce: AT_ONCE.new,
    connection: "new",
  });
  const before = residentBytesOf(pid);
  const holding = fleet.order({ kind: "hold", server, count: scale.held, waitSeconds: 40 });
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, residentBytesOf(pid));
  }, 500);
  try {
    const { statuses } = await holding;
    if (notOk([statuses]) > 0) throw new Error(`connections were not held: ${JSON.stringify(statuses)}`);
  } finally {
    clearInterval(watch);
  }
  return (most - before) / scale.held;
}

/** All products as they are in life, one heartbeat a minute with a long poll. */
async function live(
  { portal, fleets, scale, say }: World,
  { server, pid }: Measurand,
  statuses: FleetReport["statuses"][],
) {
  for (const fleet of fleets) await fleet.order({ kind: "close" });
  const postgres = portal.stores.pids().postgres;
  const warm = fleets.map((fleet) => fleet.order({ kind: "live", server, ...LIVE, seconds: WARM_SECONDS }));
  for (const report of await Promise.all(warm)) statuses.push(report.statuses);
  const before = { front: cpuSecondsOf(pid), postgres: treeCpuSeconds(postgres), at: performance.now() };
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, residentBytesOf(pid));
  }, 1_000);
  const reports = await Promise.all(
    fleets.map((fleet) => fleet.order({ kind: "live", server, ...LIVE, seconds: scale.liveSeconds })),
  ).finally(() => clearInterval(watch));
  const seconds = (performance.now() - before.at) / 1000;
  for (const report of reports) statuses.push(report.statuses);
  const late = reports.flatMap(({ latenciesMs }) => latenciesMs).sort((left, right) => left - right);
  const lived = {
    liveBeats: late.length,
    liveCores: inHundredths((cpuSecondsOf(pid) - before.front) / seconds),
    livePostgresCores: inHundredths((treeCpuSeconds(postgres) - before.postgres) / seconds),
    liveGigabytes: inHundredths(most / 1e9),
    liveP50Ms: inHundredths(quantile(late, 0.5)),
    liveP99Ms: inHundredths(quantile(late, 0.99)),
  };
  say(`live: ${JSON.stringify(lived)}`);
  return lived;
}

async function heardOf(portal: BenchPortal): Promise<number> {
  const { rows } = await portal.database.query<{ n: string }>(
    "select count(*) as n from heartbeats_products where counter > 0",
  );
  return Number(rows[0]?.n ?? 0);
}

/** Proof that the answers above were given to somebody known. */
async function strangerStatus({ host, port, caPem }: Server): Promise<string> {
  const agent = new Agent({ connect: { ca: caPem } });
  try {
    const answer = await request(`https://${host}:${port}${linkHeartbeat.path}`, {
      dispatcher: agent,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    await answer.body.dump();
    return String(answer.statusCode);
  } finally {
    await agent.destroy();
  }
}

async function startBare(directory: string): Promise<Measurand & { close(): Promise<void> }> {
  const place = join(directory, "bare");
  await mkdir(place);
  const authority = await createAuthority({ directory: place, name: "bare", clock: systemClock });
  const { keyPem, certPem } = await authority.issueServer({ hosts: ["127.0.0.1"] });
  const files = [join(place, "server-key.pem"), join(place, "server.pem")] as const;
  await writeFile(files[0], keyPem, { mode: 0o600 });
  await writeFile(files[1], certPem);
  const child = fork(join(import.meta.dirname, "bare-server.ts"), [...files], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [port] = (await once(child, "message")) as [number];
  return {
    server: { host: "127.0.0.1", port, caPem: authority.caPem },
    pid: child.pid ?? 0,
    close: async () => {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    },
  };
}

function notOk(statuses: readonly FleetReport["statuses"][]): number {
  const counted = statuses.flatMap((one) => Object.entries(one));
  return counted.reduce((sum, [status, count]) => sum + (status === "200" ? 0 : count), 0);
}

function ratioOf(ours: readonly number[], theirs: readonly number[]): number {
  return inHundredths(median(ours.map((value, at) => value / (theirs[at] ?? Number.NaN))));
}

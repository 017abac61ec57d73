import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bench, inHundredths, inTenths, type Measured, median, quantile } from "../bench.ts";
import { type BenchPortal, startBenchPortal } from "../portal/bench-portal.ts";
import { type Fleet, startFleet } from "./fleet.ts";
import type { Credentials, FleetReport } from "./fleet-process.ts";
import type { Server } from "./member.ts";

// How fast products register, beside the password hash that each registration must cost; and what becomes of too many.

const FULL = { perSample: 300, samples: 5, argonSeconds: 4, flood: 600, beats: 50 };
const QUICK = { perSample: 60, samples: 3, argonSeconds: 2, flood: 150, beats: 20 };
/** Four keep two hashes busy at any time. */
const AT_ONCE = 4;
/** A portal bounds the tries of one user name that are under way: a flood needs several customers. */
const CUSTOMERS = 8;
const FLOOD_AT_ONCE = 72;

type Scale = typeof FULL;

export const registrationsBench: Bench = {
  seconds: 180,
  async run({ quick, say }) {
    const directory = await realpath(await mkdtemp(join(tmpdir(), "tms-bench-registrations-")));
    const opened = new AsyncDisposableStack();
    try {
      opened.defer(() => rm(directory, { recursive: true, force: true }));
      const portal = await startBenchPortal(directory);
      opened.defer(() => portal.close());
      const argon = fork(join(import.meta.dirname, "argon2-process.ts"));
      opened.defer(() => void argon.kill("SIGTERM"));
      const bare = async (seconds: number): Promise<number> => {
        const answered = once(argon, "message");
        argon.send(seconds);
        const [rate] = (await answered) as [number];
        return rate;
      };
      return await measure({ portal, directory, bare, scale: quick ? QUICK : FULL, say });
    } finally {
      await opened.disposeAsync();
    }
  },
};

interface World {
  portal: BenchPortal;
  directory: string;
  bare(seconds: number): Promise<number>;
  scale: Scale;
  say: (line: string) => void;
}

async function measure(world: World): Promise<Measured> {
  const { portal, scale, say } = world;
  const server = { ...portal.details.statusServer, caPem: await readFile(String(portal.front.ready().caPem), "utf8") };
  const own = { userName: portal.details.userName, password: portal.password };
  const rates = { bare: [] as number[], ours: [] as number[] };
  let registered = 0;
  const sample = async (first: number): Promise<number> => {
    const fleet = startFleet();
    try {
      await fleet.order({ kind: "make", first, count: scale.perSample });
      const report = await fleet.order({ kind: "register", server, credentials: [own], atOnce: AT_ONCE });
      registered += report.statuses[200] ?? 0;
      return (report.statuses[200] ?? 0) / report.seconds;
    } finally {
      await fleet.close();
    }
  };
  // The first one warms the portal up.
  await sample(0);
  for (let taken = 1; taken <= scale.samples; taken += 1) {
    rates.bare.push(await world.bare(scale.argonSeconds));
    rates.ours.push(await sample(taken * scale.perSample));
    say(
      `sample ${taken}: bare ${Math.round(rates.bare.at(-1) ?? 0)}, registered ${Math.round(rates.ours.at(-1) ?? 0)} a second`,
    );
  }
  const flood = await floodIt(world, server, (scale.samples + 1) * scale.perSample);
  registered += flood.report.statuses[200] ?? 0;
  const told = flood.report.statuses;
  return {
    params: { ...scale, atOnce: AT_ONCE, customers: CUSTOMERS, floodAtOnce: FLOOD_AT_ONCE },
    samples: scale.samples,
    figures: {
      perSecond: inTenths(median(rates.ours)),
      registerRatio: inHundredths(median(rates.ours.map((rate, at) => rate / (rates.bare[at] ?? Number.NaN)))),
      floodTaken: told[200] ?? 0,
      floodRefused: told[429] ?? 0,
      floodP99Ms: Math.round(quantile(flood.report.latenciesMs, 0.99)),
      beatP99MsMeanwhile: Math.round(quantile(flood.beats.latenciesMs, 0.99)),
    },
    baseline: { perSecond: inTenths(median(rates.bare)) },
    goals: [{ name: "registerRatio", op: ">=", goal: 0.7 }],
    verified: { sent: registered, stored: await storedIn(portal), digestEqual: true },
    controls: [
      { name: "a flood is refused in part", expected: "yes", got: (told[429] ?? 0) > 0 ? "yes" : "no" },
      {
        name: "refusals that do not say when to come again",
        expected: "0",
        got: String((told[429] ?? 0) - flood.report.saidWhen),
      },
      { name: "answers of the flood that are neither 200 nor 429", expected: "0", got: String(otherThan(told)) },
      { name: "heartbeats that failed meanwhile", expected: "0", got: String(otherThan(flood.beats.statuses)) },
      { name: "a wrong password", expected: "401", got: await wrongPassword(server, own.userName) },
    ],
  };
}

/** More registrations at once than the portal hashes, of several customers, while other products go on beating. */
async function floodIt({ portal, directory, scale }: World, server: Server, first: number) {
  const credentials: Credentials[] = [];
  for (let customer = 1; customer <= CUSTOMERS; customer += 1) {
    credentials.push(await portal.addCustomer(join(directory, `customer-${customer}`)));
  }
  const [flood, calm] = [startFleet(), startFleet()];
  try {
    await calm.order({ kind: "make", first: first + scale.flood, count: scale.beats });
    await calm.order({ kind: "register", server, credentials, atOnce: AT_ONCE });
    await flood.order({ kind: "make", first, count: scale.flood });
    const beating = calm.order({ kind: "beat", server, count: scale.beats, seconds: 8, atOnce: 2, connection: "open" });
    const report = await flood.order({ kind: "register", server, credentials, atOnce: FLOOD_AT_ONCE });
    const beats = await beating;
    return { report: withCalm(report, scale.beats), beats };
  } finally {
    await closeAll([flood, calm]);
  }
}

/** Those that beat have registered too. */
function withCalm(report: FleetReport, calm: number): FleetReport {
  return { ...report, statuses: { ...report.statuses, 200: (report.statuses[200] ?? 0) + calm } };
}

async function closeAll(fleets: readonly Fleet[]): Promise<void> {
  for (const fleet of fleets) await fleet.close();
}

async function storedIn(portal: BenchPortal): Promise<number> {
  const { rows } = await portal.database.query<{ n: string }>("select count(*) as n from registration_products");
  return Number(rows[0]?.n ?? 0);
}

async function wrongPassword(server: Server, userName: string): Promise<string> {
  const fleet = startFleet();
  try {
    await fleet.order({ kind: "make", first: 60_000, count: 1 });
    const wrong = [{ userName, password: "not the password" }];
    const { statuses } = await fleet.order({ kind: "register", server, credentials: wrong, atOnce: 1 });
    return Object.keys(statuses).join();
  } finally {
    await fleet.close();
  }
}

function otherThan(statuses: FleetReport["statuses"]): number {
  return Object.entries(statuses).reduce(
    (sum, [status, count]) => (status === "200" || status === "429" ? sum : sum + count),
    0,
  );
}

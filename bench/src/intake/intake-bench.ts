import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bench, inHundredths, type Measured, median } from "../bench.ts";
import { type BenchPortal, startBenchPortal } from "../portal/bench-portal.ts";
import { makeBaselineTable, runBaseline } from "./baseline.ts";
import { contentInStore } from "./content-digest.ts";
import { runControls } from "./controls.ts";
import { indexSample, type Protocol, type SentSample, sendSample } from "./samples.ts";
import { makeTemplate, ROWS_PER_INSERT, type Template } from "./template.ts";

/** One run of the whole million each way, then samples that a full run can repeat within its time. */
const FULL = { wholeRun: 1_000_000, perSample: 200_000, samples: 5 };
const QUICK = { wholeRun: null, perSample: 50_000, samples: 5 };

/** Intake of threat events at the portal: acknowledged over SSL and SSH, indexed, and the same rows without any of it. */
export const intakeBench: Bench = {
  seconds: 1200,
  async run({ quick, say }) {
    const directory = await realpath(await mkdtemp(join(tmpdir(), "tms-bench-intake-")));
    try {
      const portal = await startBenchPortal(directory);
      try {
        return await measure(portal, { directory, say, ...(quick ? QUICK : FULL) });
      } finally {
        await portal.close();
      }
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
};

interface Run {
  directory: string;
  say: (line: string) => void;
  wholeRun: number | null;
  perSample: number;
  samples: number;
}

interface Round {
  baseline: number;
  ssl: number;
  ssh: number;
  indexed: number;
  handedOn: number;
}

interface Sums {
  sent: number;
  stored: number;
  digestEqual: boolean;
}

async function measure(portal: BenchPortal, run: Run): Promise<Measured> {
  const { directory, say } = run;
  await makeBaselineTable(portal.events);
  const verified: Sums = { sent: 0, stored: 0, digestEqual: true };
  const round = async (template: Template, name: string): Promise<{ figures: Round; last: SentSample }> => {
    const baseline = await runBaseline(portal.events, template);
    const ssl = await sendAndIndex(portal, template, {
      verified,
      protocol: "ssl",
      directory: join(directory, `${name}-ssl`),
    });
    const ssh = await sendAndIndex(portal, template, {
      verified,
      protocol: "ssh",
      directory: join(directory, `${name}-ssh`),
    });
    const figures = {
      baseline,
      ssl: ssl.sent.perSecond,
      ssh: ssh.sent.perSecond,
      indexed: (ssl.indexed + ssh.indexed) / 2,
      handedOn: (ssl.handedOn + ssh.handedOn) / 2,
    };
    say(`${name}: ${JSON.stringify(rounded({ ...figures }))}`);
    return { figures, last: ssh.sent };
  };

  const whole = run.wholeRun === null ? null : await round(await templateOf(run, run.wholeRun), "whole");
  const template = await templateOf(run, run.perSample);
  const rounds: Round[] = [];
  let last: SentSample | null = null;
  for (let sample = 1; sample <= run.samples; sample += 1) {
    const done = await round(template, `sample-${sample}`);
    rounds.push(done.figures);
    last = done.last;
  }
  if (last === null) throw new Error("no sample was taken");
  const controls = await runControls(portal, template, last);
  return { ...figuresOf(rounds, whole?.figures ?? null), params: paramsOf(run, template), verified, controls };
}

async function templateOf({ directory, say }: Run, events: number): Promise<Template> {
  say(`making ${events} events: a sealed spool, and the baseline's rows`);
  const folder = join(directory, `template-${events}`);
  await mkdir(folder, { recursive: true });
  return makeTemplate(folder, events);
}

async function sendAndIndex(
  portal: BenchPortal,
  template: Template,
  how: { verified: Sums; protocol: Protocol; directory: string },
) {
  const sent = await sendSample(portal, template, how);
  const indexed = await indexSample(portal, template, sent);
  const { product } = sent.product.identity;
  const stored = await contentInStore(portal.events, { table: "threat_events", product });
  const told = await portal.completenessOf(product);
  const agreed = told.distinctIndexed === stored.distinct && told.sent === template.events && told.gaps === 0;
  how.verified.sent += template.events;
  how.verified.stored += stored.distinct;
  how.verified.digestEqual &&= agreed && stored.digest === template.digest;
  return { sent, ...indexed };
}

function figuresOf(rounds: readonly Round[], whole: Round | null) {
  const of = (name: keyof Round) => median(rounds.map((round) => round[name]));
  const ratio = (name: keyof Round) => median(rounds.map((round) => round[name] / round.baseline));
  const figures = {
    ...rounded({
      ackPerSecondSsl: of("ssl"),
      ackPerSecondSsh: of("ssh"),
      indexedPerSecond: of("indexed"),
      handedOnPerSecond: of("handedOn"),
    }),
    ackRatioSsl: inHundredths(ratio("ssl")),
    ackRatioSsh: inHundredths(ratio("ssh")),
    indexRatio: inHundredths(ratio("indexed")),
    ...(whole === null
      ? {}
      : rounded({
          wholeAckPerSecondSsl: whole.ssl,
          wholeAckPerSecondSsh: whole.ssh,
          wholeIndexedPerSecond: whole.indexed,
          wholeHandedOnPerSecond: whole.handedOn,
        })),
  };
  const baseline = rounded({
    baselinePerSecond: of("baseline"),
    ...(whole === null ? {} : { wholePerSecond: whole.baseline }),
  });
  return {
    samples: rounds.length,
    figures,
    baseline,
    goals: [
      { name: "ackRatioSsl", op: ">=" as const, goal: 3 },
      { name: "ackRatioSsh", op: ">=" as const, goal: 2 },
      { name: "indexRatio", op: ">=" as const, goal: 0.6 },
    ],
  };
}

function paramsOf(run: Run, template: Template) {
  return {
    eventsPerSample: run.perSample,
    wholeRunEvents: run.wholeRun,
    averageEventBytes: template.averageEventBytes,
    baselineWriters: 2,
    baselineRowsPerInsert: ROWS_PER_INSERT,
    ratios: "median of the samples' own ratios; each sample has its own baseline just before it",
    order: "baseline, SSL, indexing, SSH, indexing",
  };
}

function rounded(values: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Math.round(value)]));
}

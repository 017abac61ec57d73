import { cp } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createLowerLink, openSpool, type Spool } from "@tms/link/lower";
import { systemClock } from "@tms/records";
import type { BenchPortal, BenchProduct } from "../portal/bench-portal.ts";
import { realisticEvents } from "./realistic-events.ts";
import { STREAM, type Template } from "./template.ts";

export type Protocol = "ssl" | "ssh";

const LOOK_EVERY_MS = 100;
/** No sample may take longer: 1,000,000 events at less than a tenth of what is expected. */
const SAMPLE_DEADLINE_MS = 300_000;

export interface SentSample {
  product: BenchProduct;
  /** The spool directory, with the batches as they were sent. */
  spool: string;
  perSecond: number;
}

/** Sends a copy of the template's spool: from the first batch that leaves until nothing waits any more. */
export async function sendSample(
  portal: BenchPortal,
  template: Template,
  how: { protocol: Protocol; directory: string },
): Promise<SentSample> {
  const product = await portal.registerProduct(how.directory);
  const directory = join(how.directory, "spool");
  await cp(template.spool, directory, { recursive: true });
  const spool = await openSpool({ directory, streams: [STREAM], clock: systemClock });
  try {
    const seconds = await sendAll(portal, { product, spool, protocol: how.protocol });
    return { product, spool: directory, perSecond: template.events / seconds };
  } finally {
    await spool.close();
  }
}

async function sendAll(
  portal: BenchPortal,
  what: { product: BenchProduct; spool: Spool; protocol: Protocol },
): Promise<number> {
  const { product, spool, protocol } = what;
  const drained = Promise.withResolvers<number>();
  let startedAt: number | null = null;
  let problem = "";
  const link = createLowerLink({
    keys: product.keys,
    identity: product.identity,
    statusServer: portal.details.statusServer,
    logServer: { ...portal.details.logServer[protocol], protocol },
    spool: {
      ...spool,
      async nextBatch(stream) {
        startedAt ??= performance.now();
        return spool.nextBatch(stream);
      },
      async acknowledge(stream, digest) {
        await spool.acknowledge(stream, digest);
        const waiting = spool.report().reduce((sum, one) => sum + one.spooledRecords, 0);
        if (waiting === 0) drained.resolve((performance.now() - (startedAt ?? 0)) / 1000);
      },
    },
    describe: () => ({
      version: "1.0.0",
      host: "bench",
      instanceId: product.instanceId,
      ready: { ok: true, reasons: [] },
      sending: "on",
      agents: 0,
    }),
    onDirective: async ({ id }) => ({ id, ok: true }),
    clock: systemClock,
    log: {
      info: () => undefined,
      warn: (fields, text) => {
        problem = `${text} ${JSON.stringify(fields)}`;
      },
    },
  });
  link.start();
  const deadline = new AbortController();
  try {
    const late = pause(SAMPLE_DEADLINE_MS, null, { signal: deadline.signal, ref: false });
    const seconds = await Promise.race([drained.promise, late]);
    if (seconds === null) throw new Error(`not everything was acknowledged in time; last trouble: ${problem}`);
    await reported(link, spool);
    return seconds;
  } finally {
    deadline.abort();
    await link.stop();
  }
}

/** The ledger's last figure goes up with the next heartbeat; completeness is judged by it. */
async function reported(link: { sendNow(): void; state(): { lastHeartbeatAt: Date | null } }, spool: Spool) {
  const [report] = spool.report();
  if (report === undefined) return;
  const since = Date.now();
  const until = since + 20_000;
  link.sendNow();
  while (Date.now() < until && (link.state().lastHeartbeatAt?.getTime() ?? 0) <= since) await pause(LOOK_EVERY_MS);
}

/** Events per second, from the worker's being ready. */
export interface Indexed {
  /** Until the last batch stood in the event store and was committed. */
  indexed: number;
  /** … and had gone on to deployments, cases and incidents. */
  handedOn: number;
}

/** Indexes what waits of a product. */
export async function indexSample(portal: BenchPortal, template: Template, sent: SentSample): Promise<Indexed> {
  const { product } = sent.product.identity;
  const worker = await portal.startWorker();
  try {
    const startedAt = performance.now();
    const before = await portal.indexed(product);
    const perSecond = () => (template.events - before) / ((performance.now() - startedAt) / 1000);
    await until(sent, async () => (await portal.indexed(product)) >= template.events);
    const indexed = perSecond();
    await until(sent, () => portal.handedOn(product));
    return { indexed, handedOn: perSecond() };
  } finally {
    await worker.stop();
  }
}

const AGAIN = 1_000;

/** Sends the first records again from a spool that knows nothing of the first. @returns how many counted as repeated */
export async function indexAgain(portal: BenchPortal, sent: SentSample): Promise<number> {
  const { product } = sent;
  const directory = join(dirname(sent.spool), "spool-again");
  const spool = await openSpool({ directory, streams: [STREAM], clock: systemClock });
  const worker = await portal.startWorker();
  try {
    const before = await portal.indexed(product.identity.product);
    await spool.append(STREAM, realisticEvents(0, AGAIN));
    await sendAll(portal, { product, spool, protocol: "ssl" });
    await until(sent, async () => (await portal.indexed(product.identity.product)) >= before + AGAIN);
    return (await portal.completenessOf(product.identity.product)).repeated;
  } finally {
    await worker.stop();
    await spool.close();
  }
}

async function until(sent: SentSample, isDone: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + SAMPLE_DEADLINE_MS;
  while (!(await isDone())) {
    if (performance.now() > deadline) throw new Error(`${sent.product.identity.product} was not indexed in time`);
    await pause(LOOK_EVERY_MS);
  }
}

import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";

// What a process counts, for whoever operates it.
// M1  Every label takes one of a closed set of values, named when the metric is made: what comes from outside (names of
//     products, hosts, paths) can neither fill the memory nor be read here.
// M2  One registry a process, passed on; nothing is global.
// M3  A figure that cannot be read is left out and counted, so that the others are still answered.

/** The closed sets of a metric's labels. */
export type Labels = Readonly<Record<string, readonly string[]>>;
export type LabelValues<L extends Labels> = { [K in keyof L]: L[K][number] };
export interface Sample<L extends Labels> {
  labels: LabelValues<L>;
  value: number;
}
export interface MetricSpec<L extends Labels> {
  name: string;
  help: string;
  labels: L;
}
type Read<L extends Labels> = () => readonly Sample<L>[] | Promise<readonly Sample<L>[]>;

export interface Metrics {
  /** Counts events; every combination of labels begins at 0. */
  counter<const L extends Labels>(spec: MetricSpec<L>): (labels: LabelValues<L>, by?: number) => void;
  /** A figure that is read when somebody asks; `total` is one that only grows. */
  read<const L extends Labels>(spec: MetricSpec<L> & { kind: "now" | "total" }, read: Read<L>): void;
  /** All of it in the text format of Prometheus. Asked by many at once, it is read once. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** A store that is away must not hold a scrape for longer than scrapers wait. */
const READ_WITHIN_MS = 3_000;

/** @param options `readWithinMs` bounds each figure that is read. */
export function createMetrics(options: { readWithinMs?: number } = {}): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const failed = new Counter({
    name: "tms_metric_reads_failed_total",
    help: "Figures that were left out of an answer because they could not be read in time.",
    registers: [registry],
  });
  const within = options.readWithinMs ?? READ_WITHIN_MS;
  let asked: Promise<string> | null = null;
  return {
    counter({ name, help, labels }) {
      const counter = new Counter({ name, help, labelNames: Object.keys(labels), registers: [registry] });
      for (const values of combinationsOf(labels)) counter.inc(values, 0);
      return (values, by = 1) => counter.inc(demandKnown(labels, values), by);
    },
    read({ name, help, labels, kind }, read) {
      const spec = { name, help, labelNames: Object.keys(labels), registers: [registry] };
      const take = () => inTime(read, within);
      const known = (sample: Sample<typeof labels>) => demandKnown(labels, sample.labels);
      if (kind === "total") {
        const total = new Counter({
          ...spec,
          async collect() {
            const samples = await take();
            if (samples === null) return failed.inc();
            total.reset();
            for (const sample of samples) total.inc(known(sample), sample.value);
          },
        });
        return;
      }
      const gauge = new Gauge({
        ...spec,
        async collect() {
          const samples = await take();
          gauge.reset();
          // A gauge without labels is reset to 0, which would be a figure (M3).
          if (spec.labelNames.length === 0) gauge.remove({});
          if (samples === null) return failed.inc();
          for (const sample of samples) gauge.set(known(sample), sample.value);
        },
      });
    },
    text() {
      asked ??= registry.metrics().finally(() => {
        asked = null;
      });
      return asked;
    },
    contentType: registry.contentType,
  };
}

/** M1, whatever a type was talked out of. */
function demandKnown<L extends Labels>(labels: L, values: LabelValues<L>): Record<string, string> {
  for (const [label, value] of Object.entries(values)) {
    if (labels[label]?.includes(value) !== true) throw new Error(`The label ${label} has a value that is not its own.`);
  }
  return values;
}

function combinationsOf(labels: Labels): Record<string, string>[] {
  return Object.entries(labels).reduce<Record<string, string>[]>(
    (sofar, [label, values]) => sofar.flatMap((one) => values.map((value) => ({ ...one, [label]: value }))),
    [{}],
  );
}

/** null if it failed, or took too long. */
async function inTime<T>(read: () => T | Promise<T>, withinMs: number): Promise<T | null> {
  const tooLate = Promise.withResolvers<null>();
  const timer = setTimeout(() => tooLate.resolve(null), withinMs);
  try {
    return await Promise.race([Promise.resolve(read()), tooLate.promise]);
  } catch {
    // Counted by the caller (M3); why is in the log of whoever needs the store.
    return null;
  } finally {
    clearTimeout(timer);
  }
}

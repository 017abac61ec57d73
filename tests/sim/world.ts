import type { SpoolLimits, SpoolReport } from "@tms/link/lower";
import type { CustomerId, LinkRecord, RecordId, Stream } from "@tms/records";
import { DEFAULT_SILENCE_RULES, livenessOf } from "../../apps/portal/src/heartbeats/heartbeat.ts";
import { Scoreboard } from "./invariants.ts";
import { LowerParty, SIMULATED_STREAMS } from "./lower-party.ts";
import { makeIdentity } from "./make-identity.ts";
import { makeRecord } from "./make-records.ts";
import type { Mutation } from "./mutations.ts";
import { Observer } from "./observer.ts";
import { PortalParty } from "./portal-party.ts";
import { Random } from "./random.ts";
import type { DiskImage } from "./virtual-disk.ts";
import { type LineNature, VirtualLine } from "./virtual-line.ts";
import { VirtualTime } from "./virtual-time.ts";

const LINES: readonly LineNature[] = [
  { latencyMs: 2, jitterMs: 3, lossRatio: 0 },
  { latencyMs: 40, jitterMs: 60, lossRatio: 0.002 },
  { latencyMs: 300, jitterMs: 700, lossRatio: 0.02 },
  { latencyMs: 15, jitterMs: 10, lossRatio: 0.05 },
];
const LIVENESS_EVERY_MS = 300_000;
/** Arrivals of the last seconds before a crash may not have been written. */
const LIVENESS_SLACK_MS = 90_000;
const LONG_SILENT_MS = 600_000;
const CLOCK_IS_WRONG_MS = 60_000;
const QUIET_MS = { from: 60_000, to: 1_500_000 };
const DAMAGED_RATIO = 0.03;
const HINT_LIMIT_MS = 240_000;

/** Parties, lines, records and what is watched of them; faults come from elsewhere. */
export class World {
  readonly time = new VirtualTime();
  readonly scores = new Scoreboard(() => this.time.nowMs());
  readonly portal: PortalParty;
  readonly lowers: readonly LowerParty[];
  readonly observer: Observer;
  readonly random: Random;
  /** While faults happen: records come in. */
  #isBusy = true;

  constructor(seed: number, mutation: Mutation | null) {
    this.random = new Random(seed);
    const random = this.random.fork();
    const customers = [random.uuid<CustomerId>(), random.uuid<CustomerId>()];
    const count = random.between(3, 4);
    const identities = Array.from({ length: count }, () => makeIdentity(random, random.pick(customers)));
    const products = identities.map(({ peer }) => peer.product);
    this.observer = new Observer({ time: this.time, scores: this.scores, products });
    const common = { time: this.time, observer: this.observer, mutation };
    this.portal = new PortalParty({ ...common, random: random.fork(), peers: identities.map(({ peer }) => peer) });
    this.lowers = identities.map((identity, number) => {
      const nature = LINES[number % LINES.length] ?? random.pick(LINES);
      const line = new VirtualLine({
        time: this.time,
        random: random.fork(),
        nature,
        lower: number,
        portal: this.portal.answer,
      });
      return new LowerParty({ ...common, number, identity, line, random: random.fork(), limits: limitsFor(random) });
    });
  }

  start(): void {
    this.portal.start();
    for (const lower of this.lowers) {
      lower.start();
      this.#originate(lower, this.random.fork());
    }
    this.#watchLiveness();
  }

  /** Faults are over: nothing new comes, everything is up, and what waits can drain. */
  settle(): void {
    this.#isBusy = false;
  }

  get hasDrained(): boolean {
    const { tables } = this.portal.database;
    const isIndexed = [...tables.batches.values()].flat().every((row) => tables.indexed.has(row.id));
    return (
      isIndexed &&
      this.lowers.every((lower) => lower.spool?.report().every((report) => report.spooledRecords === 0) ?? false)
    );
  }

  backUp(lower: LowerParty): LowerBackup | null {
    const reports = lower.spool?.report();
    if (reports === undefined) return null;
    const sequences = new Map(
      SIMULATED_STREAMS.map((stream) => [stream, this.observer.facts(lower.product, stream).origins.size]),
    );
    return { image: lower.disk.image(), sequences, reports };
  }

  restoreLower(lower: LowerParty, backup: LowerBackup): void {
    lower.crash("kill");
    lower.restore(backup.image);
    this.observer.lowerRestored(lower.product, backup, this.portal);
  }

  /** Gives a hint to a party and looks later whether it was done, if nothing was in its way. */
  hint(number: number, isUndisturbed: () => boolean): void {
    const lower = this.lowers[number];
    if (lower === undefined || !this.portal.isUp) return;
    void this.portal.giveHint(number).then((id) => {
      const isClockWrong = Math.abs(lower.clockOffsetMs) > CLOCK_IS_WRONG_MS;
      if (id === null || !isClockWrong) return;
      this.time.after(HINT_LIMIT_MS, () => {
        if (!isUndisturbed()) return;
        const holds = this.observer.hintsDone.has(id);
        this.scores.check("I4-lower-clock-decides-nothing", holds, () => {
          return `a hint for lower ${number}, whose clock is wrong by ${lower.clockOffsetMs} ms, was not done`;
        });
      });
    });
  }

  #originate(lower: LowerParty, random: Random): void {
    this.time.after(random.between(QUIET_MS.from, QUIET_MS.to), () => {
      if (!this.#isBusy) return;
      if (lower.isUp) this.#offer(lower, random);
      this.#originate(lower, random);
    });
  }

  #offer(lower: LowerParty, random: Random): void {
    const stream: Stream = random.chance(0.7) ? "threat-events" : "root-cause";
    const { origins } = this.observer.facts(lower.product, stream);
    const occurredAt = this.time.clock(() => lower.clockOffsetMs).now();
    const records: LinkRecord<string, unknown>[] = [];
    for (let left = random.chance(0.1) ? random.between(20, 60) : random.between(1, 5); left > 0; left -= 1) {
      const isDamaged = random.chance(DAMAGED_RATIO);
      const record = makeRecord(random, { stream, occurredAt, isDamaged });
      origins.set(record.id, { sequence: origins.size, isDamaged, fate: "offered" });
      this.observer.world.records += 1;
      if (isDamaged) this.observer.world.damagedRecords += 1;
      records.push(record);
    }
    void lower.append(stream, records).then((fate) => this.#setFate(origins, records, fate));
  }

  #setFate(
    origins: Map<RecordId, { fate: string }>,
    records: readonly LinkRecord[],
    fate: "kept" | "declared" | "refused",
  ): void {
    for (const { id } of records) {
      const origin = origins.get(id);
      if (origin !== undefined) origin.fate = fate;
    }
  }

  #watchLiveness(): void {
    this.time.after(LIVENESS_EVERY_MS, () => {
      if (this.portal.isUp) for (const lower of this.lowers) this.#checkLiveness(lower);
      this.#watchLiveness();
    });
  }

  #checkLiveness(lower: LowerParty): void {
    const { product, clockOffsetMs } = lower;
    const { seen, serving } = this.portal.database.tables;
    const now = this.portal.database.now();
    const liveness = livenessOf(seen.get(product) ?? null, { now, serving: [...serving.values()] });
    const silentMs = this.observer.servedSilenceMs(product);
    const countedMs = Math.max(silentMs, silentMs < LIVENESS_SLACK_MS ? this.observer.justEndedSilenceMs(product) : 0);
    const mayBeOffline = countedMs > DEFAULT_SILENCE_RULES.offlineAfterMs - LIVENESS_SLACK_MS;
    const detail = () => `${product} is said to be ${liveness}; it was silent for ${silentMs} served ms`;
    this.scores.check("no-false-offline", liveness !== "offline" || mayBeOffline, detail);
    this.scores.check("no-false-online", liveness !== "online" || silentMs < LONG_SILENT_MS, detail);
    if (Math.abs(clockOffsetMs) <= CLOCK_IS_WRONG_MS) return;
    const holds = liveness !== "offline" || mayBeOffline;
    this.scores.check("I4-lower-clock-decides-nothing", holds, detail);
  }
}

export interface LowerBackup {
  image: DiskImage;
  sequences: ReadonlyMap<Stream, number>;
  reports: readonly SpoolReport[];
}

/** Small, so that sealing, a full spool and the yielding of root causes happen often. */
function limitsFor(random: Random): Partial<SpoolLimits> {
  return {
    sealRecords: random.pick([3, 10, 40]),
    maxBytes: random.pick([40_000, 400_000]),
    rootCauseMaxBytes: random.pick([15_000, 300_000]),
  };
}

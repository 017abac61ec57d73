import type { BatchAnswer } from "@tms/contracts/link";
import { isGap, sha256Of } from "@tms/link";
import type { SpooledBatch, SpoolReport } from "@tms/link/lower";
import { isTaken, type Judgement } from "@tms/link/upper";
import { AppError, type DirectiveId, type ProductId, type RecordId, type Stream } from "@tms/records";
import type { StreamPlace } from "../../apps/portal/src/event-index/batch-to-index.ts";
import type { Heartbeat } from "../../apps/portal/src/heartbeats/heartbeat.ts";
import type { BatchRow } from "../../apps/portal/src/log-intake/batch-row.ts";
import type { Scoreboard } from "./invariants.ts";
import type { EventRow } from "./model-database.ts";
import { BLOBS, type PortalParty } from "./portal-party.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** One record as its originator knows it. */
export interface Origin {
  sequence: number;
  isDamaged: boolean;
  /** `kept`: the spool promised it. `excused`: promised, and taken back by a restore of its party. */
  fate: "offered" | "kept" | "declared" | "refused" | "excused";
}

interface StreamFacts {
  origins: Map<RecordId, Origin>;
  stored: Set<RecordId>;
  lastStored: number;
  /** Records below this may come late: a restore of their party brings back what had been lost meanwhile. */
  lateBelow: number;
  /** Digest by epoch and first number, as sent. */
  sent: Map<string, string>;
  /** Epochs that another one replaced at the portal. */
  closed: Set<string>;
  epoch: string | null;
  /** An epoch that its party no longer knows to its end, with what had been sent of it. */
  overtaken: { epoch: string; sent: ReadonlySet<string> } | null;
  /** Highest `sealedTo` a heartbeat told, by epoch. */
  sealed: Map<string, number>;
}

/** So long an arrival may be known to the process alone: two flushes of last-seen. */
const UNWRITTEN_MS = 40_000;

/** Sees everything, knows what ought to be, and says where it is not. */
export class Observer {
  readonly world = { heartbeats: 0, batches: 0, records: 0, damagedRecords: 0, starts: 0, restores: 0, refusals: 0 };
  readonly #time: VirtualTime;
  readonly #scores: Scoreboard;
  readonly #products: readonly ProductId[];
  readonly #facts = new Map<string, StreamFacts>();
  #answered: { place: StreamPlace; digest: string }[] = [];
  /** Whose restore makes it right that a start does not know the one before. */
  readonly #mayDiverge = new Map<ProductId, "lower" | "portal">();
  readonly #arrivals = new Map<ProductId, number>();
  readonly #ended = new Map<ProductId, { atMs: number; silenceMs: number; beforeMs: number }[]>();
  /** Whose disk lost a bit: what it sealed may be lost, and declared where its epoch ended. */
  readonly rotted = new Set<ProductId>();
  #served: { fromMs: number; untilMs: number }[] = [];
  readonly hintsDone = new Set<DirectiveId>();

  constructor(deps: { time: VirtualTime; scores: Scoreboard; products: readonly ProductId[] }) {
    this.#time = deps.time;
    this.#scores = deps.scores;
    this.#products = deps.products;
  }

  facts(product: ProductId, stream: Stream): StreamFacts {
    const key = `${product} ${stream}`;
    const known = this.#facts.get(key);
    if (known !== undefined) return known;
    const made: StreamFacts = {
      origins: new Map(),
      stored: new Set(),
      lastStored: -1,
      lateBelow: 0,
      sent: new Map(),
      closed: new Set(),
      epoch: null,
      overtaken: null,
      sealed: new Map(),
    };
    this.#facts.set(key, made);
    return made;
  }

  portalStarted(): void {
    this.#served.push({ fromMs: this.#time.nowMs(), untilMs: Number.POSITIVE_INFINITY });
  }

  portalCrashed(portal: PortalParty): void {
    const serving = this.#served.at(-1);
    if (serving !== undefined) serving.untilMs = this.#time.nowMs();
    for (const [product, ended] of this.#ended) {
      // Arrivals of the last moments die with the process that noted them.
      const [oldest] = ended.filter((one) => this.#time.nowMs() - one.atMs < UNWRITTEN_MS);
      if (oldest !== undefined) this.#arrivals.set(product, oldest.beforeMs);
    }
    this.#ended.clear();
    this.checkAnswered(portal);
  }

  /** Whoever was told "accepted" may have forgotten the batch by now. */
  checkAnswered(portal: PortalParty): void {
    for (const { place, digest } of this.#answered.splice(0)) {
      const row = portal.database.batches(place.product, place.stream).find((one) => one.digest === digest);
      const blob = row === undefined ? null : portal.disk.readNow(`${BLOBS}/${row.blobKey}`);
      const holds = blob !== null && sha256Of(blob) === digest;
      this.#scores.check("I1-acknowledged-is-stored", holds, () => {
        const found = row === undefined ? "no row" : blob === null ? "no file" : `${blob.length} other bytes`;
        return `${place.stream} of ${place.product}: batch ${digest} was acknowledged; there is ${found}`;
      });
    }
  }

  portalRestored(portal: PortalParty): void {
    this.world.restores += 1;
    this.#answered = [];
    for (const product of this.#products) {
      this.#mayDiverge.set(product, "portal");
      // It knows of no arrival after its backup.
      const seenMs = portal.database.seenMs(product);
      this.#arrivals.set(product, Math.min(seenMs, this.#arrivals.get(product) ?? 0));
    }
    for (const [key, facts] of this.#facts) {
      const [product, stream] = key.split(" ") as [ProductId, Stream];
      const events = portal.database.events(product, stream);
      facts.stored = new Set(events.map((row) => row.id));
      facts.lastStored = Math.max(-1, ...events.map((row) => facts.origins.get(row.id)?.sequence ?? -1));
      const epochs = [...new Set(portal.database.batches(product, stream).map((row) => row.epoch as string))];
      facts.epoch = epochs.pop() ?? null;
      facts.closed = new Set(epochs);
      facts.overtaken = null;
    }
  }

  /** `sequences` = how many records of each stream had been offered when the backup was made. */
  lowerRestored(
    product: ProductId,
    backup: { sequences: ReadonlyMap<Stream, number>; reports: readonly SpoolReport[] },
    portal: PortalParty,
  ): void {
    this.world.restores += 1;
    this.#mayDiverge.set(product, "lower");
    for (const report of backup.reports) {
      const facts = this.facts(product, report.stream);
      const known = backup.sequences.get(report.stream) ?? 0;
      for (const origin of facts.origins.values()) {
        if (origin.sequence >= known && origin.fate === "kept") origin.fate = "excused";
      }
      const position = portal.database.positions(product).find((one) => one.stream === report.stream);
      const isOvertaken = position?.epoch === report.epoch && position.next > report.sealedTo;
      facts.overtaken = isOvertaken ? { epoch: report.epoch, sent: new Set(facts.sent.values()) } : null;
      facts.lateBelow = known;
      facts.sent = new Map();
      facts.sealed = new Map([[report.epoch, report.sealedTo]]);
    }
  }

  lowerStarted(): void {
    this.world.starts += 1;
    this.#scores.check("goes-on", true, () => "");
  }

  startFailed(lower: number, error: unknown): void {
    this.#scores.check("goes-on", isOfTheDisk(error), () => `lower ${lower} did not start: ${textOf(error)}`);
  }

  refused(lower: number, code: string): void {
    this.#scores.check("goes-on", false, () => `lower ${lower} was refused for good: ${code}`);
  }

  broken(error: unknown): void {
    this.#scores.check("goes-on", false, () => textOf(error));
  }

  portalRefused(error: unknown): void {
    this.world.refusals += 1;
    const isKnown = error instanceof AppError || isOfTheDisk(error);
    this.#scores.check("goes-on", isKnown, () => `the portal failed: ${textOf(error)}`);
  }

  indexingFailed(error: unknown): void {
    this.#scores.check("goes-on", isOfTheDisk(error), () => `indexing failed: ${textOf(error)}`);
  }

  hintDone(id: DirectiveId): void {
    this.hintsDone.add(id);
  }

  batchSent(lower: number, stream: Stream, batch: SpooledBatch): void {
    const product = this.#products[lower] ?? ("" as ProductId);
    const { sent } = this.facts(product, stream);
    const key = `${batch.header.epoch} ${batch.header.first}`;
    const before = sent.get(key);
    const isSame = before === undefined || before === batch.digest || isGap(batch.header);
    this.#scores.check("never-cut-anew", isSame, () => `${stream} ${key}: ${before}, then ${batch.digest}`);
    sent.set(key, batch.digest);
  }

  batchAnswered(lower: number, of: { stream: Stream; answer: BatchAnswer; digest: string | null }): void {
    const { outcome } = of.answer;
    this.#time.note(`answer ${lower} ${of.stream} ${outcome} ${of.answer.position?.next ?? "-"} ${of.digest}`);
    if (of.digest === null || (outcome !== "accepted" && outcome !== "duplicate")) return;
    const product = this.#products[lower] ?? ("" as ProductId);
    this.#answered.push({ place: { product, stream: of.stream }, digest: of.digest });
  }

  batchCommitted({ product, stream }: StreamPlace, row: BatchRow | undefined): void {
    if (row === undefined) return;
    this.world.batches += 1;
    const facts = this.facts(product, stream);
    const { overtaken } = facts;
    const wasBehind = overtaken?.epoch === row.epoch && !overtaken.sent.has(row.digest);
    const holds = !facts.closed.has(row.epoch) && !wasBehind;
    this.#scores.check("I5-epoch-ends", holds, () => `${stream} of ${product}: ${row.epoch} went on at ${row.first}`);
    if (facts.epoch !== null && facts.epoch !== row.epoch) facts.closed.add(facts.epoch);
    facts.epoch = row.epoch;
  }

  heartbeatAccepted(product: ProductId, of: { acceptance: Judgement; heartbeat: Heartbeat }): void {
    this.world.heartbeats += 1;
    this.#noteArrival(product);
    const { kind } = of.acceptance;
    if (kind === "retry") return;
    if (kind === "restart" || kind === "restored" || kind === "diverged" || kind === "clone") {
      const holds = kind === "restart" || (kind !== "clone" && this.#mayDiverge.has(product));
      this.#scores.check("no-false-clone", holds, () => `${product} restarted and was taken for ${kind}`);
    }
    if (!isTaken(kind)) return;
    // What a party sent before its restore may still arrive after it.
    if (kind === "next" && this.#mayDiverge.get(product) === "lower") return;
    this.#mayDiverge.delete(product);
    for (const { stream, epoch, sealedTo } of of.heartbeat.ledgers) {
      const { sealed } = this.facts(product, stream);
      const before = sealed.get(epoch) ?? 0;
      const detail = () => `${stream} of ${product}: ${epoch} was sealed to ${before}, and is again at ${sealedTo}`;
      this.#scores.check("I5-epoch-ends", sealedTo >= before, detail);
      sealed.set(epoch, sealedTo);
    }
  }

  eventsInserted({ product, stream }: StreamPlace, rows: readonly EventRow[]): void {
    const facts = this.facts(product, stream);
    for (const { id } of rows) {
      const origin = facts.origins.get(id);
      const holds = origin !== undefined && !facts.stored.has(id);
      this.#scores.check("I2-counted-once", holds, () =>
        origin === undefined ? `${id} was never sent` : `${stream} of ${product}: ${id} stands twice`,
      );
      facts.stored.add(id);
      const sequence = origin?.sequence ?? -1;
      const detail = () => `${stream} of ${product}: number ${sequence} came after ${facts.lastStored}`;
      const isInOrder = sequence > facts.lastStored || sequence < facts.lateBelow;
      if (holds) this.#scores.check("order", isInOrder, detail);
      facts.lastStored = Math.max(facts.lastStored, sequence);
    }
    this.#time.note(`indexed ${product} ${stream} ${rows.length}`);
  }

  /** The longest silence that an arrival of the last moments ended: the arrival itself may not have been written yet. */
  justEndedSilenceMs(product: ProductId): number {
    return Math.max(0, ...(this.#ended.get(product) ?? []).map((one) => one.silenceMs));
  }

  #noteArrival(product: ProductId): void {
    const atMs = this.#time.nowMs();
    const recent = (this.#ended.get(product) ?? []).filter((one) => atMs - one.atMs < UNWRITTEN_MS);
    const beforeMs = this.#arrivals.get(product) ?? 0;
    this.#ended.set(product, [...recent, { atMs, silenceMs: this.servedSilenceMs(product), beforeMs }]);
    this.#arrivals.set(product, atMs);
  }

  /** How long the party has been silent while the portal served, in milliseconds. */
  servedSilenceMs(product: ProductId): number {
    const since = this.#arrivals.get(product) ?? 0;
    const now = this.#time.nowMs();
    return this.#served.reduce((sum, { fromMs, untilMs }) => {
      return sum + Math.max(0, Math.min(untilMs, now) - Math.max(fromMs, since));
    }, 0);
  }
}

/** A full disk is an outcome that this world brings about. */
function isOfTheDisk(error: unknown): boolean {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    if ((one as NodeJS.ErrnoException).code === "ENOSPC") return true;
  }
  return false;
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message).split("\n").slice(0, 6).join(" | ") : String(error);
}

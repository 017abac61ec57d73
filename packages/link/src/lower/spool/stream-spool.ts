import { join } from "node:path";
import type { Position } from "@tms/contracts/link";
import { AppError, type Clock, type Epoch, type Sha256, type Stream } from "@tms/records";
import { isGap } from "../../batch/batch-header.ts";
import { type SealedBatch, sealBatch, sealGap, sha256Of } from "../../batch/seal-batch.ts";
import {
  type BatchFile,
  headAfter,
  holds,
  listBatchFiles,
  listEndedFiles,
  removeBatchFile,
  removeEpoch,
  touch,
  writeBatchFile,
} from "./batch-files.ts";
import { nextCarried } from "./carry-over.ts";
import { acknowledgedStanding, lossAt, planCarry, type Standing, standingOf } from "./epoch-chain.ts";
import { type NumberedFrame, OpenSegments } from "./open-segments.ts";
import { planBatches } from "./plan-batches.ts";
import { openState } from "./salvage.ts";
import type { SpoolPlace } from "./spool-place.ts";
import type { GapReason, Realigned, SpoolCursor, SpooledBatch, SpoolLimits, SpoolReport } from "./spool-port.ts";
import { mergeCursors, nextEpochState, type SpoolState, saveState } from "./spool-state.ts";

// One stream of the spool.
// I1  append resolves after fsync; a batch is sealed (fsync) before its first byte leaves and never cut anew.
// I2  Sealing writes batch files, then the state, then removes the segments; start-up completes whichever step a crash
//     left: a batch beyond the state that continues it is adopted, segment records below `sealedTo` are skipped.
// I3  A batch already sent is never dropped before its fate is known: only acknowledged, replaced or carried.
// I4  A new epoch carries over every record that does not lie with the upper party; it knows repeated ones by their ids.

interface Options {
  place: SpoolPlace;
  stream: Stream;
  clock: Clock;
  limits: SpoolLimits;
  newEpoch: () => Epoch;
  /** Its state was damaged or gone; it went on with a new epoch. */
  onDamage: () => void;
  /** Unacknowledged bytes of all streams. */
  total: () => number;
}

export class StreamSpool {
  readonly #options: Options;
  #state: SpoolState;
  /** Of the epoch in force, by number. */
  #files: BatchFile[] = [];
  /** Acknowledged under epochs that ended, or still to be carried over from them; oldest first. */
  #endedFiles: BatchFile[] = [];
  #open: OpenSegments;
  #cursors: SpoolCursor[];
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(options: Options, state: SpoolState, open: OpenSegments) {
    this.#options = options;
    this.#state = state;
    this.#open = open;
    this.#cursors = state.cursors;
  }

  static async open(options: Options): Promise<StreamSpool> {
    const { place } = options;
    await place.directories.make(place.directory);
    const state = await openState(place, options);
    const open = { ...place, directory: join(place.directory, "open") };
    const { segments, frames } = await OpenSegments.open(open, state.epoch);
    const spool = new StreamSpool(options, state, segments);
    await spool.#recover(frames);
    return spool;
  }

  append(lines: readonly string[], how: { cursor?: SpoolCursor }): Promise<{ appended: number }> {
    return this.#locked(async () => {
      if (lines.length === 0 || this.#knows(how.cursor)) return { appended: 0 };
      await this.#finishCarry();
      const { limits, stream } = this.#options;
      const after = this.#options.total() + lines.reduce((sum, line) => sum + line.length + 1, 0);
      const now = this.#options.clock.now().toISOString();
      if (stream === "root-cause" && after > limits.rootCauseMaxBytes) {
        const gap = { cause: "spool-full" as const, from: now, to: now, resumes: null };
        await this.#write({ n: lines.length, t: now, gap, ...how }, []);
        return { appended: 0 };
      }
      if (after > limits.maxBytes) throw new AppError("spool.full", { stream, bytes: after });
      await this.#write({ n: lines.length, t: now, ...how }, lines);
      // Sealing reads what is open into memory: never more than about one batch of it.
      const { count, sizeBytes } = this.#open;
      // The records are kept: whoever is told that they are not hands them over twice. A disk that has no room for the
      // sealed batch fails `nextBatch` too, and there it is told.
      if (count >= limits.sealRecords || sizeBytes >= limits.sealPlainBytes) await this.#seal().catch(() => undefined);
      return { appended: lines.length };
    });
  }

  appendGap(gap: GapReason & { count: number }, how: { cursor?: SpoolCursor }): Promise<void> {
    return this.#locked(async () => {
      if (this.#knows(how.cursor)) return;
      await this.#finishCarry();
      const { count, ...reason } = gap;
      const t = this.#options.clock.now().toISOString();
      await this.#write({ n: count, t, gap: { ...reason, resumes: null }, ...how }, []);
    });
  }

  report(): SpoolReport {
    const waiting = this.#waiting();
    const batchBytes = waiting.reduce((sum, file) => sum + file.sizeBytes, 0);
    const oldestBatch = waiting[0]?.touchedAt.toISOString() ?? null;
    return {
      stream: this.#options.stream,
      epoch: this.#state.epoch,
      sealedTo: this.#state.sealedTo,
      end: this.#end(),
      head: this.#state.head,
      spooledRecords: this.#end() - this.#state.ackedTo,
      spooledBytes: batchBytes + this.#open.sizeBytes,
      oldestAt: oldestBatch ?? this.#open.oldestAt,
      ackedAt: this.#state.ackedAt ?? null,
    };
  }

  cursors(): SpoolCursor[] {
    return [...this.#cursors];
  }

  nextBatch(): Promise<SpooledBatch | null> {
    return this.#locked(async () => {
      await this.#finishCarry();
      if (this.#state.ackedTo >= this.#state.sealedTo) await this.#seal();
      if (this.#state.ackedTo >= this.#state.sealedTo) return null;
      await this.#fillLoss();
      const file = this.#waiting()[0];
      if (file === undefined) return null;
      const bytes = await this.#disk.read(file.path);
      if (sha256Of(bytes) === file.digest) return { header: file.header, digest: file.digest, bytes };
      // The disk changed it: what was sealed cannot be sent any more, and its numbers must say so.
      const gap = await this.#replace(file, "disk-failed");
      return { header: gap.header, digest: gap.digest, bytes: gap.bytes };
    });
  }

  acknowledge(digest: Sha256): Promise<void> {
    return this.#locked(async () => {
      const file = this.#files.find((one) => one.digest === digest);
      if (file === undefined || file.header.first !== this.#state.ackedTo) return;
      const ackedHead = isGap(file.header) ? (file.header.gap.resumes ?? digest) : digest;
      const now = this.#options.clock.now();
      await this.#save({ ackedTo: file.header.first + file.header.count, ackedHead, ackedAt: now.toISOString() });
      await touch(this.#disk, file, now);
      await this.#prune();
    });
  }

  replaceByGap(digest: Sha256, cause: GapReason["cause"]): Promise<void> {
    return this.#locked(async () => {
      const file = this.#files.find((one) => one.digest === digest);
      if (file !== undefined && file.header.first >= this.#state.ackedTo) await this.#replace(file, cause);
    });
  }

  realign(position: Position | null): Promise<Realigned> {
    return this.#locked(async () => {
      await this.#finishCarry();
      const { epoch, ackedTo, ackedHead, sealedTo } = this.#state;
      if (position?.epoch === epoch) {
        if (position.next === ackedTo && position.head === ackedHead) return "unchanged";
        if (position.next <= sealedTo && this.#continues(position)) {
          await this.#save({ ackedTo: position.next, ackedHead: position.head });
          return "rewound";
        }
        return this.#beginEpoch(this.#standingOf(position));
      }
      const standing = this.#standingOf(position);
      const loss = lossAt(this.#state, standing);
      if (loss === "none") return "unchanged";
      if (loss === "earlier" || standing === null) return this.#beginEpoch(standing);
      // It never heard of this epoch, so it stands at its begin: everything kept of it is sent again from there.
      await this.#save({ ackedTo: 0, ackedHead: null });
      return "rewound";
    });
  }

  newEpoch(told: { position: Position | null } | undefined): Promise<void> {
    return this.#locked(async () => {
      await this.#finishCarry();
      await this.#beginEpoch(told === undefined ? acknowledgedStanding(this.#state) : this.#standingOf(told.position));
    });
  }

  close(): Promise<void> {
    return this.#locked(() => this.#open.close());
  }

  /** One thing at a time: files and state always agree for whoever comes next. */
  #locked<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    // The next one waits for the end, whatever it was; the error itself goes to this caller.
    this.#queue = result.catch(() => undefined);
    return result;
  }

  get #disk() {
    return this.#options.place.disk;
  }

  #keep(sealed: SealedBatch): Promise<BatchFile> {
    return writeBatchFile(this.#options.place, sealed, this.#options.clock.now());
  }

  #knows(cursor: SpoolCursor | undefined): boolean {
    if (cursor === undefined) return false;
    return this.#cursors.some(
      (known) =>
        known.agent === cursor.agent &&
        known.stream === cursor.stream &&
        known.epoch === cursor.epoch &&
        known.number >= cursor.number,
    );
  }

  async #write(meta: Parameters<OpenSegments["append"]>[1], lines: readonly string[]): Promise<void> {
    await this.#open.append({ epoch: this.#state.epoch, first: this.#end() }, meta, lines);
    if (meta.cursor !== undefined) this.#cursors = mergeCursors(this.#cursors, [meta.cursor]);
  }

  /** Number that the next record gets. */
  #end(): number {
    return Math.max(this.#state.sealedTo, this.#open.end ?? 0);
  }

  #waiting(): BatchFile[] {
    return this.#files.filter((file) => file.header.first >= this.#state.ackedTo);
  }

  async #save(change: Partial<SpoolState>): Promise<void> {
    const next = { ...this.#state, ...change };
    await saveState(this.#options.place, next);
    this.#state = next;
  }

  async #recover(frames: NumberedFrame[]): Promise<void> {
    this.#cursors = mergeCursors(
      this.#state.cursors,
      frames.flatMap((frame) => (frame.meta.cursor === undefined ? [] : [frame.meta.cursor])),
    );
    this.#endedFiles = await listEndedFiles(this.#options.place, this.#state);
    this.#files = await listBatchFiles(this.#options.place, this.#state.epoch);
    await this.#finishCarry();
    for (const file of this.#files) {
      const { first, count, previous } = file.header;
      if (first !== this.#state.sealedTo || previous !== this.#state.head) continue;
      await this.#save({ sealedTo: first + count, head: headAfter(file) });
    }
    if ((this.#open.end ?? 0) <= this.#state.sealedTo) {
      await this.#save({ cursors: this.#cursors });
      await this.#open.clear();
    }
  }

  async #seal(): Promise<void> {
    if (this.#open.count === 0) return;
    const { sealedTo } = this.#state;
    const planned = planBatches(await this.#open.read(), { from: sealedTo, limits: this.#options.limits });
    for (const part of planned) {
      const at = { ...this.#identity(), first: part.first, previous: this.#state.head };
      const sealed = part.kind === "gap" ? sealGap(at, part.gap) : sealBatch(at, part.lines);
      const file = await this.#keep(sealed);
      this.#files.push(file);
      // Should the disk fail now, what is sealed stays sealed: cut anew it would take its numbers twice. The stored state
      // may lie behind, as after a crash (I2).
      this.#state = { ...this.#state, sealedTo: part.first + sealed.header.count, head: headAfter(file) };
    }
    await this.#save({ cursors: this.#cursors });
    await this.#open.clear();
  }

  #identity() {
    return { stream: this.#options.stream, epoch: this.#state.epoch };
  }

  async #replace(file: BatchFile, cause: GapReason["cause"]): Promise<SealedBatch> {
    const { first, count, previous } = file.header;
    const now = this.#options.clock.now().toISOString();
    const from = file.touchedAt.toISOString();
    const gap = { count, cause, from, to: now, resumes: headAfter(file) };
    const sealed = sealGap({ ...this.#identity(), first, previous }, gap);
    const made = await this.#keep(sealed);
    this.#files = this.#files.map((one) => (one === file ? made : one));
    await removeBatchFile(this.#options.place, file);
    return sealed;
  }

  /** What the upper party asks for and nobody keeps any more becomes a gap batch (cause `upper-lost`). */
  async #fillLoss(): Promise<void> {
    const { ackedTo, ackedHead, sealedTo, head } = this.#state;
    const next = this.#waiting()[0];
    const until = next?.header.first ?? sealedTo;
    if (until <= ackedTo) return;
    const now = this.#options.clock.now().toISOString();
    const gap = { count: until - ackedTo, cause: "upper-lost" as const, from: now, to: now };
    const resumes = next === undefined ? head : next.header.previous;
    const sealed = sealGap({ ...this.#identity(), first: ackedTo, previous: ackedHead }, { ...gap, resumes });
    this.#files.push(await this.#keep(sealed));
    this.#files.sort((a, b) => a.header.first - b.header.first);
  }

  /** Whether sending can go on from a position: it lies on a border that our chain knows, or before all we keep. */
  #continues(position: Pick<Position, "next" | "head">): boolean {
    if (position.next === this.#state.sealedTo) return position.head === this.#state.head;
    const next = this.#files.find((file) => file.header.first === position.next);
    if (next !== undefined) return next.header.previous === position.head;
    const oldest = this.#files[0]?.header.first ?? this.#state.sealedTo;
    return position.next < oldest;
  }

  #standingOf(position: Position | null): Standing | null {
    return standingOf(this.#state, position, (known) => {
      if (known.epoch === this.#state.epoch) return this.#continues(known);
      const next = this.#endedFiles.find(({ header }) => header.epoch === known.epoch && header.first === known.next);
      return next === undefined || next.header.previous === known.head;
    });
  }

  async #beginEpoch(standing: Standing | null): Promise<"new-epoch"> {
    await this.#seal();
    const kept = [...this.#endedFiles, ...this.#files];
    const plan = planCarry(this.#state, standing, kept);
    const epoch = this.#options.newEpoch();
    const next = nextEpochState({ ...this.#state, cursors: this.#cursors }, { epoch, ...plan });
    await saveState(this.#options.place, next);
    this.#state = next;
    this.#files = [];
    this.#endedFiles = kept;
    await this.#carry();
    return "new-epoch";
  }

  /**
   * Carrying over was interrupted, by a crash or a full disk: it goes on before anything else takes a number. What it
   * sealed without noting it was never sent, so it is sealed again.
   */
  async #finishCarry(): Promise<void> {
    if (this.#state.carry.length === 0) return;
    const { epoch, sealedTo } = this.#state;
    const kept = await listBatchFiles(this.#options.place, epoch);
    for (const file of kept) if (file.header.first >= sealedTo) await this.#disk.remove(file.path);
    this.#files = kept.filter((one) => one.header.first < sealedTo);
    await this.#carry();
  }

  async #carry(): Promise<void> {
    const { limits, clock } = this.#options;
    for (let range = this.#state.carry[0]; range !== undefined; range = this.#state.carry[0]) {
      const { epoch, to } = range;
      const files = this.#endedFiles.filter((file) => range !== undefined && holds(range, file));
      const { content, end } = await nextCarried(range, files, { disk: this.#disk, clock, limits });
      const place = { ...this.#identity(), first: this.#state.sealedTo, previous: this.#state.head };
      const sealed = content.kind === "gap" ? sealGap(place, content.gap) : sealBatch(place, content.lines);
      const file = await this.#keep(sealed);
      this.#files.push(file);
      const later = this.#state.carry.slice(1);
      const carry = end < to ? [{ epoch, from: end, to }, ...later] : later;
      await this.#save({ sealedTo: place.first + sealed.header.count, head: headAfter(file), carry });
      await this.#dropEnded(files.filter(({ header }) => header.first + header.count <= end));
    }
  }

  async #dropEnded(dropped: readonly BatchFile[]): Promise<void> {
    this.#endedFiles = this.#endedFiles.filter((file) => !dropped.includes(file));
    for (const file of dropped) await this.#disk.remove(file.path);
    const epochs = new Set(dropped.map((file) => file.header.epoch));
    for (const epoch of epochs) {
      if (epoch === this.#state.epoch || this.#endedFiles.some((file) => file.header.epoch === epoch)) continue;
      await removeEpoch(this.#options.place, epoch);
    }
  }

  async #prune(): Promise<void> {
    const { keepAckedMs, keepAckedBytes } = this.#options.limits;
    const acked = this.#files.filter((file) => file.header.first + file.header.count <= this.#state.ackedTo);
    const all = [...this.#endedFiles, ...acked];
    let bytes = all.reduce((sum, file) => sum + file.sizeBytes, 0);
    for (const file of all) {
      const old = this.#options.clock.now().getTime() - file.touchedAt.getTime() > keepAckedMs;
      if (!old && bytes <= keepAckedBytes) return;
      bytes -= file.sizeBytes;
      if (this.#endedFiles.includes(file)) {
        await this.#dropEnded([file]);
        continue;
      }
      this.#files = this.#files.filter((one) => one !== file);
      await removeBatchFile(this.#options.place, file);
    }
  }
}

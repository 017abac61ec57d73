import { join } from "node:path";
import type { Position } from "@tms/contracts/link";
import { AppError, type Clock, type Epoch, type Sha256, type Stream } from "@tms/records";
import { isGap } from "../../batch/batch-header.ts";
import { readBatch } from "../../batch/read-batch.ts";
import { type SealedBatch, sealBatch, sealGap, sha256Of } from "../../batch/seal-batch.ts";
import {
  type BatchFile,
  directoryOfEpoch,
  firstOf,
  listBatchFiles,
  removeBatchFile,
  removeEndedEpochs,
  type SpoolPlace,
  touch,
  writeBatchFile,
} from "./batch-files.ts";
import { type NumberedFrame, OpenSegments } from "./open-segments.ts";
import { planBatches } from "./plan-batches.ts";
import type { GapReason, Realigned, SpoolCursor, SpooledBatch, SpoolLimits, SpoolReport } from "./spool-port.ts";
import { loadState, mergeCursors, nextEpochState, type SpoolState, saveState } from "./spool-state.ts";

// One stream of the spool.
// I1  append resolves after fsync; a batch is sealed (fsync) before its first byte leaves and never cut anew.
// I2  Sealing writes batch files, then the state, then removes the segments; start-up completes whichever step a crash
//     left: a batch beyond the state that continues it is adopted, segment records below `sealedTo` are skipped.
// I3  A batch already sent is never dropped before its fate is known: only acknowledged, replaced or carried.
// I4  A new epoch carries every unacknowledged record over; the upper party knows repeated records by their ids.

interface Options {
  place: SpoolPlace;
  stream: Stream;
  clock: Clock;
  limits: SpoolLimits;
  newEpoch: () => Epoch;
  /** Unacknowledged bytes of all streams. */
  total: () => number;
}

export class StreamSpool {
  readonly #options: Options;
  #state: SpoolState;
  #files: BatchFile[] = [];
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
    const state = await loadState(place, options.newEpoch);
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

  realign(answered: Position | null): Promise<Realigned> {
    return this.#locked(async () => {
      const { epoch, ackedTo, ackedHead, sealedTo } = this.#state;
      // Where it never heard of this epoch, it stands at its begin: everything kept is sent again from there.
      const position = answered?.epoch === epoch ? answered : { next: 0, head: null };
      if (position.next === ackedTo && position.head === ackedHead) return "unchanged";
      if (position.next <= sealedTo && this.#continues(position)) {
        await this.#save({ ackedTo: position.next, ackedHead: position.head });
        return "rewound";
      }
      await this.#beginEpoch();
      return "new-epoch";
    });
  }

  newEpoch(): Promise<void> {
    return this.#locked(() => this.#beginEpoch());
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
    await removeEndedEpochs(this.#options.place, this.#state);
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

  async #beginEpoch(): Promise<void> {
    await this.#finishCarry();
    await this.#seal();
    const carry = this.#waiting().map((file) => file.path);
    const old = { epoch: this.#state.epoch };
    const next = nextEpochState({ ...this.#state, cursors: this.#cursors }, { epoch: this.#options.newEpoch(), carry });
    await saveState(this.#options.place, next);
    this.#state = next;
    this.#files = [];
    await this.#carry();
    const { directory, directories } = this.#options.place;
    await this.#disk.remove(directoryOfEpoch(directory, old.epoch));
    directories.forget(directoryOfEpoch(directory, old.epoch));
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
    for (let path = this.#state.carry[0]; path !== undefined; path = this.#state.carry[0]) {
      const place = { ...this.#identity(), first: this.#state.sealedTo, previous: this.#state.head };
      const sealed = await this.#sealAgain(path, place);
      const carry = this.#state.carry.slice(1);
      if (sealed === null) {
        await this.#save({ carry });
        continue;
      }
      const file = await this.#keep(sealed);
      this.#files.push(file);
      await this.#save({ sealedTo: place.first + sealed.header.count, head: headAfter(file), carry });
    }
  }

  async #sealAgain(path: string, place: Parameters<typeof sealBatch>[0]): Promise<SealedBatch | null> {
    const now = this.#options.clock.now().toISOString();
    try {
      const { header, lines } = await readBatch(await this.#disk.read(path));
      if (!isGap(header)) return sealBatch(place, lines);
      return sealGap(place, { ...header.gap, count: header.count, resumes: null });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      // It no longer decodes: its records are lost here, all that lie between its name and the next.
      const [, next] = this.#state.carry;
      const end = next === undefined ? this.#state.ended.at(-1)?.sealedTo : firstOf(next);
      const count = Math.max(1, (end ?? 0) - firstOf(path));
      return sealGap(place, { count, cause: "disk-failed", from: now, to: now, resumes: null });
    }
  }

  async #prune(): Promise<void> {
    const { keepAckedMs, keepAckedBytes } = this.#options.limits;
    const acked = this.#files.filter((file) => file.header.first + file.header.count <= this.#state.ackedTo);
    let bytes = acked.reduce((sum, file) => sum + file.sizeBytes, 0);
    for (const file of acked) {
      const old = this.#options.clock.now().getTime() - file.touchedAt.getTime() > keepAckedMs;
      if (!old && bytes <= keepAckedBytes) return;
      bytes -= file.sizeBytes;
      this.#files = this.#files.filter((one) => one !== file);
      await removeBatchFile(this.#options.place, file);
    }
  }
}

function headAfter(file: Pick<BatchFile, "header" | "digest">): Sha256 {
  return isGap(file.header) ? (file.header.gap.resumes ?? file.digest) : file.digest;
}

import type { BatchHeader, Position } from "@tms/contracts/link";
import type { Epoch, LinkRecord, ProductId, Sha256, Stream } from "@tms/records";
import type { GapBatchHeader } from "../../batch/batch-header.ts";

/** Where a relayed record came from: what makes a crash number nothing twice (architecture, section 11). */
export interface SpoolCursor {
  agent: ProductId;
  stream: Stream;
  epoch: Epoch;
  /** Number of the last record of the append, as the agent numbered it. */
  number: number;
}

export interface SpoolLimits {
  /** Everything not yet acknowledged, in bytes. */
  maxBytes: number;
  /** `root-cause` yields first: above this it is replaced by a gap. */
  rootCauseMaxBytes: number;
  /** Acknowledged batches stay so long, under whichever epoch … */
  keepAckedMs: number;
  /** … but no more than this, in bytes. */
  keepAckedBytes: number;
  /** Plain bytes and records of one sealed batch. */
  sealPlainBytes: number;
  sealRecords: number;
}

const GIB = 1024 * 1024 * 1024;
export const SPOOL_LIMITS: SpoolLimits = {
  maxBytes: GIB,
  rootCauseMaxBytes: 0.8 * GIB,
  keepAckedMs: 72 * 3_600_000,
  keepAckedBytes: GIB,
  sealPlainBytes: 8 * 1024 * 1024,
  sealRecords: 10_000,
};

export interface SpoolReport {
  stream: Stream;
  epoch: Epoch;
  /** Numbers below this are sealed. */
  sealedTo: number;
  /** The number that the next record gets. */
  end: number;
  head: Sha256 | null;
  /** Not yet acknowledged. */
  spooledRecords: number;
  spooledBytes: number;
  oldestAt: string | null;
  /** When the upper party last acknowledged something, over restarts. */
  ackedAt: string | null;
}

export interface SpooledBatch {
  header: BatchHeader;
  digest: Sha256;
  bytes: Buffer;
}

export type GapReason = Omit<GapBatchHeader["gap"], "resumes">;

/** What happened to a position that the upper party named. */
export type Realigned = "unchanged" | "rewound" | "new-epoch";

/** Records that wait for the upper party, on disk, one stream beside the other. */
export interface Spool {
  readonly streams: readonly Stream[];
  /** Resolves after fsync. An append whose cursor was spooled before changes nothing. @throws {AppError} `spool.full` */
  append(
    stream: Stream,
    records: readonly LinkRecord[],
    options?: { cursor?: SpoolCursor },
  ): Promise<{ appended: number }>;
  /** A loss that has to be told upwards: takes `count` numbers and says why they carry nothing. */
  appendGap(stream: Stream, gap: GapReason & { count: number }, options?: { cursor?: SpoolCursor }): Promise<void>;
  report(): SpoolReport[];
  /** The cursors of what was spooled, the newest per (agent, stream, epoch). */
  cursors(): SpoolCursor[];
  /** The next batch to send, sealed now if nothing sealed waits; null if there is nothing. */
  nextBatch(stream: Stream): Promise<SpooledBatch | null>;
  /** The upper party has it on disk and committed. */
  acknowledge(stream: Stream, digest: Sha256): Promise<void>;
  /** A batch that the upper party rejects for ever: its numbers are consumed by a gap batch. */
  replaceByGap(stream: Stream, digest: Sha256, cause: GapReason["cause"]): Promise<void>;
  /**
   * Goes on where the upper party stands; begins a new epoch if that cannot be, or if the upper party has lost what was
   * acknowledged under an epoch that ended.
   */
  realign(stream: Stream, position: Position | null): Promise<Realigned>;
  /** Carries over all that the position lacks; without one, all that was not acknowledged. */
  newEpoch(stream: Stream, told?: { position: Position | null }): Promise<void>;
  /** Calls back after each append; returns what ends it. */
  onAppend(listener: (stream: Stream) => void): () => void;
  close(): Promise<void>;
}

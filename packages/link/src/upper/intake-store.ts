import type { BatchHeader } from "@tms/contracts/link";
import type { Epoch, Sha256, Stream } from "@tms/records";
import type { StreamPosition } from "../batch/decide-batch.ts";
import type { Peer } from "./peer.ts";

/** A batch that is on disk and about to be committed. */
export interface ReceivedBatch {
  header: BatchHeader;
  digest: Sha256;
  /** Size of the blob, in bytes, as sent. */
  bytes: number;
  /** Relative to the intake's directory: `c/<customer>/<product>/<stream>/<epoch>/<first>-<digest>.batch`. */
  blobKey: string;
  /** false = kept aside: its numbers count as unreadable. */
  readable: boolean;
  receivedAt: Date;
  protocol: "ssl" | "ssh";
}

/** One transaction that holds the row lock of (product, stream). */
export interface IntakeTransaction {
  position(): StreamPosition | null;
  /**
   * Whether the latest heartbeat announced this epoch and it was never opened before. An epoch that another one
   * replaced stays closed for ever: an epoch never continues after a restore (I5).
   */
  epochAnnounced(epoch: Epoch): boolean;
  knowsDigest(digest: Sha256): Promise<boolean>;
  /** Closes the epoch in force and begins this one at number 0. */
  openEpoch(epoch: Epoch): void | Promise<void>;
  /** Writes batch row, position and job; they are committed together or not at all. */
  accept(batch: ReceivedBatch, position: StreamPosition): Promise<void>;
}

/** What the app gives the intake: one row lock per (product, stream). */
export interface IntakeStore {
  locked<T>(peer: Peer, stream: Stream, work: (tx: IntakeTransaction) => Promise<T>): Promise<T>;
}

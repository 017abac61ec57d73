import type { BatchHeader } from "@tms/contracts/link";
import type { Epoch, ErrorCode, Sha256 } from "@tms/records";
import { isGap } from "./batch-header.ts";

// What the upper party does with a batch (architecture, section 5). Pure; the order of the questions is the protocol.

/** Where a stream stands: the next number expected and the digest it continues. */
export interface StreamPosition {
  epoch: Epoch;
  next: number;
  head: Sha256 | null;
}

export interface BatchQuestion {
  /** Digest that the sender stated; null where it stated none. */
  stated: Sha256 | null;
  digest: Sha256;
  /** null if the header could not be read. */
  header: BatchHeader | null;
  /** Set if the header is malformed or the batch over a limit. */
  problem: ErrorCode | null;
  position: StreamPosition | null;
  /** Whether a heartbeat announced the header's epoch, and it was not closed by a later one. */
  epochAnnounced: boolean;
  /** Whether a batch with this digest was accepted before. Only asked where `mayBeKnown` says so. */
  digestKnown: boolean;
}

export type BatchDecision =
  | { outcome: "accepted"; opensEpoch: boolean; position: StreamPosition }
  | { outcome: "duplicate" }
  | { outcome: "damaged" | "rejected" | "gap" | "fork" | "epoch-unknown"; code: ErrorCode };

/**
 * Decides about one batch, in the order of the protocol: damaged, rejected, (another epoch) duplicate or epoch-unknown,
 * duplicate or fork, gap, fork, accepted.
 */
export function decideBatch(asked: BatchQuestion): BatchDecision {
  if (asked.stated === null || asked.stated !== asked.digest) return { outcome: "damaged", code: "batch.damaged" };
  if (asked.problem !== null) return { outcome: "rejected", code: asked.problem };
  const header = asked.header;
  if (header === null) return { outcome: "rejected", code: "batch.rejected" };

  const opensEpoch = asked.position === null || asked.position.epoch !== header.epoch;
  if (opensEpoch && asked.digestKnown) return { outcome: "duplicate" };
  if (opensEpoch && !asked.epochAnnounced) return { outcome: "epoch-unknown", code: "batch.epoch_unknown" };
  const position =
    opensEpoch || asked.position === null ? { epoch: header.epoch, next: 0, head: null } : asked.position;

  if (header.first + header.count <= position.next) {
    return asked.digestKnown ? { outcome: "duplicate" } : { outcome: "fork", code: "batch.fork" };
  }
  if (header.first > position.next) return { outcome: "gap", code: "batch.gap" };
  if (header.first < position.next || header.previous !== position.head) return { outcome: "fork", code: "batch.fork" };
  return { outcome: "accepted", opensEpoch, position: positionAfter(header, asked.digest) };
}

/** Where the stream stands after an accepted batch. A gap batch may resume at the last batch it replaces. */
export function positionAfter(header: BatchHeader, digest: Sha256): StreamPosition {
  const head = isGap(header) ? (header.gap.resumes ?? digest) : digest;
  return { epoch: header.epoch, next: header.first + header.count, head };
}

/** Whether the answer can depend on an earlier batch with this digest, so that it must be looked up. */
export function mayBeKnown(header: BatchHeader, position: StreamPosition | null): boolean {
  if (position === null) return false;
  return position.epoch !== header.epoch || header.first + header.count <= position.next;
}

import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import type { BatchAnswer, BatchHeader } from "@tms/contracts/link";
import { type Clock, ERRORS, type Sha256, type Stream } from "@tms/records";
import { BATCH_LIMITS, type BatchLimits } from "../batch/batch-limits.ts";
import { BatchScanner, type ScannedBatch } from "../batch/batch-scanner.ts";
import { type BatchDecision, decideBatch, mayBeKnown, type StreamPosition } from "../batch/decide-batch.ts";
import type { Disk } from "../disk/disk.ts";
import { DurableDirectories } from "../disk/durable-directories.ts";
import { nodeDisk } from "../disk/node-disk.ts";
import { WriteAhead } from "../disk/write-ahead.ts";
import type { IntakeStore, IntakeTransaction } from "./intake-store.ts";
import type { Peer } from "./peer.ts";

// Intake of batches (architecture, section 6).
// I1  Hash and decode while streaming to a temporary file; then fsync, rename, fsync of the directory; then one
//     transaction; then the answer. Whoever is told "accepted" may forget the batch.
// I2  A file that no transaction accepted is removed at once; what a crash leaves, a sweeper finds without a row.
// I3  A blob is never reused or overwritten: its name holds the digest, and accepting it twice is decided under lock.

export interface StatedBatch {
  stream: Stream;
  /** The digest the sender stated: header, file name or frame prefix. */
  statedDigest: Sha256 | null;
  /** What an SFTP name says of the header; a header that disagrees is rejected. */
  statedPlace?: { epoch: string; first: number };
  protocol: "ssl" | "ssh";
}

export interface BatchIntake {
  /** Where unfinished files lie; the SFTP face puts its own there too. */
  readonly incoming: string;
  /** Reads the body to its end or to the limit, stores it and decides. Throws only if a disk or the store fails. */
  receive(peer: Peer, stated: StatedBatch, body: AsyncIterable<Uint8Array>): Promise<BatchAnswer>;
}

export function createBatchIntake(deps: {
  /** Blobs lie below it in `c/<customer>/…`, unfinished ones in `incoming/`. */
  directory: string;
  store: IntakeStore;
  limits?: BatchLimits;
  /** Asked before a batch is stored; absent = whatever comes. */
  admission?: { admit(stream: Stream, peer: Peer): Promise<void> };
  clock: Clock;
  disk?: Disk;
  /** Names unfinished files. */
  newName?: () => string;
}): BatchIntake {
  const { directory, store, clock, limits = BATCH_LIMITS, disk = nodeDisk } = deps;
  const newName = deps.newName ?? (() => randomBytes(16).toString("hex"));
  const incoming = join(directory, "incoming");
  const directories = new DurableDirectories(disk, dirname(directory));
  return {
    incoming,
    async receive(peer, stated, body) {
      const refusal = await deps.admission?.admit(stated.stream, peer).then(
        () => null,
        (error: unknown) => ({ error }),
      );
      if (refusal) {
        // Read on, so that the sender gets the answer and not a reset.
        for await (const _ of body);
        throw refusal.error;
      }
      await directories.make(incoming);
      const temporary = join(incoming, newName());
      try {
        const scanned = await writeAndScan({ disk, path: temporary, limits }, body);
        return await store.locked(peer, stated.stream, (tx) =>
          judge({ tx, scanned, stated, peer, temporary, directory, disk, directories, receivedAt: clock.now() }),
        );
      } finally {
        // Gone already if it was accepted (I2).
        await disk.remove(temporary);
      }
    },
  };
}

async function writeAndScan(
  to: { disk: Disk; path: string; limits: BatchLimits },
  body: AsyncIterable<Uint8Array>,
): Promise<ScannedBatch> {
  const scanner = new BatchScanner(to.limits);
  const file = new WriteAhead(await to.disk.open(to.path, "create"));
  try {
    for await (const part of body) {
      const chunk = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
      await scanner.push(chunk);
      // What will be rejected is not written; the rest is read on by the transport, up to its own bound.
      if (scanner.problem !== null) continue;
      await file.write(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return scanner.finish();
}

interface Judgement {
  tx: IntakeTransaction;
  scanned: ScannedBatch;
  stated: StatedBatch;
  peer: Peer;
  temporary: string;
  directory: string;
  disk: Disk;
  directories: DurableDirectories;
  receivedAt: Date;
}

async function judge(case_: Judgement): Promise<BatchAnswer> {
  const { tx, scanned, stated } = case_;
  const position = tx.position();
  const header = scanned.header;
  const problem = scanned.problem ?? (header !== null && disagrees(header, stated) ? "batch.rejected" : null);
  const decision = decideBatch({
    stated: stated.statedDigest,
    digest: scanned.digest,
    header,
    problem,
    position,
    epochAnnounced: header !== null && tx.epochAnnounced(header.epoch),
    digestKnown: header !== null && mayBeKnown(header, position) && (await tx.knowsDigest(scanned.digest)),
  });
  if (decision.outcome !== "accepted" || header === null) return answerOf(decision, position, stated.stream);

  const blobKey = blobKeyOf(case_.peer, { header, digest: scanned.digest });
  const file = join(case_.directory, blobKey);
  await case_.directories.make(dirname(file));
  await case_.disk.rename(case_.temporary, file);
  await case_.disk.syncDirectory(dirname(file));
  if (decision.opensEpoch) await tx.openEpoch(header.epoch);
  const { digest, bytes, readable } = scanned;
  const { receivedAt } = case_;
  await tx.accept(
    { header, digest, bytes, blobKey, readable, receivedAt, protocol: stated.protocol },
    decision.position,
  );
  return answerOf(decision, decision.position, stated.stream);
}

function disagrees(header: BatchHeader, stated: StatedBatch): boolean {
  const { statedPlace: place } = stated;
  if (header.stream !== stated.stream) return true;
  return place !== undefined && (header.epoch !== place.epoch || header.first !== place.first);
}

function blobKeyOf(
  peer: Peer,
  batch: { header: { stream: string; epoch: string; first: number }; digest: string },
): string {
  const { stream, epoch, first } = batch.header;
  return join("c", peer.customer, peer.product, stream, epoch, `${first}-${batch.digest}.batch`);
}

/** The wire form of a decision; `position` is where the stream stands after it. */
export function answerOf(decision: BatchDecision, position: StreamPosition | null, stream: Stream): BatchAnswer {
  const answered = position === null ? null : { stream, ...position };
  if (decision.outcome === "accepted" || decision.outcome === "duplicate") {
    return { outcome: decision.outcome, position: answered };
  }
  const { outcome, code } = decision;
  return { outcome, code, cure: ERRORS[code].cure, position: answered };
}

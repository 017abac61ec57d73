// What a completeness certificate says of one stream, as arithmetic (architecture, sections 5 and 11).
// C1  A batch belongs to the period in which it arrived, by the portal's clock; a clock that stepped back moves nothing.
// C2  Of every epoch that lived in the period: numbers from `first` to `next`, each received, unreadable, erased or lost.
// C3  The sender's signed position is carried along: what it says beyond `next` arrived later, waits there, or is lost.
// C4  What is lost has a cause and a time; the numbers of an ended epoch that never came are lost when it ended.

import type { Epoch, Sha256, Stream } from "@tms/records";
import { type CertifiedBatch, certifiedBatchHash } from "@tms/signing";

export interface Period {
  from: Date;
  to: Date;
}

export interface CertifiedLedger {
  epoch: Epoch;
  sealedTo: number;
  head: Sha256 | null;
  signature: string;
  /** The sender's signing key when it signed; SPKI, DER. */
  signingKey: Buffer;
  announcedAt: Date;
  reportedAt: Date;
}

export interface ArrivedBatch {
  id: string;
  epoch: Epoch;
  first: number;
  count: number;
  digest: Sha256;
  readable: boolean;
  gap: { cause: string; from: Date; to: Date; resumes: Sha256 | null } | null;
  receivedAt: Date;
}

export interface StreamFacts {
  stream: Stream;
  ledgers: readonly CertifiedLedger[];
  /** In the order of arrival. */
  batches: readonly ArrivedBatch[];
  indexed: ReadonlyMap<string, { newIds: number; repeated: number; keptAside: number }>;
  /** Rows that stand in the event store now, by batch. */
  storedRows: ReadonlyMap<string, number>;
}

export interface CertifiedLoss {
  cause: string;
  first: number;
  count: number;
  from: string;
  to: string;
}

export interface CertifiedEpochFacts {
  epoch: Epoch;
  first: number;
  previous: Sha256 | null;
  next: number;
  head: Sha256 | null;
  batches: number;
  received: number;
  repeated: number;
  keptAside: number;
  notYetIndexed: number;
  unreadable: number;
  erased: number;
  lost: CertifiedLoss[];
  afterwards: { arrived: number; head: Sha256 | null; waiting: number; lost: number };
  sender: { sealedTo: number; head: Sha256 | null; signature: string; signingKey: string; saidAt: string };
}

export interface CertifiedStream {
  stream: Stream;
  epochs: CertifiedEpochFacts[];
  lines: CertifiedBatch[];
}

export function certifiedStream(facts: StreamFacts, period: Period): CertifiedStream {
  const batches = withSteadyTime(facts.batches);
  const ledgers = [...facts.ledgers].sort((one, other) => one.announcedAt.getTime() - other.announcedAt.getTime());
  const epochs: CertifiedEpochFacts[] = [];
  const lines: CertifiedBatch[] = [];
  for (const [index, ledger] of ledgers.entries()) {
    const own = batches.filter((batch) => batch.epoch === ledger.epoch);
    const endedAt = ledgers[index + 1]?.announcedAt ?? null;
    const inside = own.filter(({ receivedAt }) => receivedAt >= period.from && receivedAt < period.to);
    const lived = ledger.announcedAt < period.to && (endedAt === null || endedAt >= period.from);
    if (inside.length === 0 && !lived) continue;
    const before = own.filter(({ receivedAt }) => receivedAt < period.from).at(-1) ?? null;
    epochs.push(epochOf(facts, { ledger, own, inside, before, endedAt, period }));
    lines.push(...inside.map((batch) => lineOf(facts.stream, batch)));
  }
  return { stream: facts.stream, epochs, lines };
}

/** The lines with their hashes, one over the other. */
export function chainLines(lines: readonly CertifiedBatch[]): { lines: string[]; head: Sha256 | null } {
  let head: Sha256 | null = null;
  const texts: string[] = [];
  for (const line of lines) {
    head = certifiedBatchHash(head, line);
    texts.push(JSON.stringify({ ...line, hash: head }));
  }
  return { lines: texts, head };
}

interface EpochParts {
  ledger: CertifiedLedger;
  own: readonly ArrivedBatch[];
  inside: readonly ArrivedBatch[];
  before: ArrivedBatch | null;
  endedAt: Date | null;
  period: Period;
}

function epochOf(facts: StreamFacts, parts: EpochParts): CertifiedEpochFacts {
  const { ledger, own, inside, before, endedAt, period } = parts;
  const first = before === null ? 0 : endOf(before);
  const previous = before === null ? null : headOf(before);
  const last = inside.at(-1);
  const next = last === undefined ? first : endOf(last);
  const results = inside.flatMap(({ id }) => facts.indexed.get(id) ?? []);
  const carried = inside.filter((batch) => batch.gap === null && batch.readable);
  const missing = missingOf(facts, carried);
  const { afterwards, endLoss } = afterwardsOf(parts, next);
  const endedInside = endedAt !== null && endedAt >= period.from && endedAt < period.to;
  return {
    epoch: ledger.epoch,
    first,
    previous,
    next,
    head: last === undefined ? previous : headOf(last),
    batches: inside.length,
    received: countOf(carried) - sum(missing.map((loss) => loss.count)),
    repeated: sum(results.map((result) => result.repeated)),
    keptAside: sum(results.map((result) => result.keptAside)),
    notYetIndexed: countOf(carried.filter(({ id }) => !facts.indexed.has(id))),
    unreadable: countOf(inside.filter((batch) => batch.gap === null && !batch.readable)),
    // Retention does not erase anything yet: there is no erasing job.
    erased: 0,
    lost: [
      ...inside.flatMap(declaredLoss),
      ...missing,
      ...(endLoss > 0 && endedInside
        ? [
            {
              cause: "epoch-ended",
              first: reachedOf(own),
              count: endLoss,
              from: (own.at(-1)?.receivedAt ?? ledger.announcedAt).toISOString(),
              to: endedAt.toISOString(),
            },
          ]
        : []),
    ],
    afterwards: { ...afterwards, lost: endedInside ? 0 : endLoss },
    sender: {
      sealedTo: ledger.sealedTo,
      head: ledger.head,
      signature: ledger.signature,
      signingKey: ledger.signingKey.toString("base64"),
      saidAt: ledger.reportedAt.toISOString(),
    },
  };
}

/** From the period's end to the sender's signed position: what arrived since, and what has not. */
function afterwardsOf({ ledger, own, inside, endedAt }: EpochParts, next: number) {
  const later = own.filter(
    (batch) => batch.first >= next && endOf(batch) <= ledger.sealedTo && !inside.includes(batch),
  );
  const unsent = Math.max(0, ledger.sealedTo - reachedOf(own));
  const lastLater = later.at(-1);
  return {
    afterwards: {
      arrived: countOf(later),
      head: lastLater === undefined ? null : headOf(lastLater),
      waiting: endedAt === null ? unsent : 0,
    },
    endLoss: endedAt === null ? 0 : unsent,
  };
}

function declaredLoss({ gap, first, count }: ArrivedBatch): CertifiedLoss[] {
  return gap === null
    ? []
    : [{ cause: gap.cause, first, count, from: gap.from.toISOString(), to: gap.to.toISOString() }];
}

/** Batches whose rows went missing after they were indexed: the store itself lost them. */
function missingOf(facts: StreamFacts, carried: readonly ArrivedBatch[]): CertifiedLoss[] {
  return carried.flatMap(({ id, first, receivedAt }) => {
    const count = (facts.indexed.get(id)?.newIds ?? 0) - (facts.storedRows.get(id) ?? 0);
    const at = receivedAt.toISOString();
    return count > 0 ? [{ cause: "missing-in-store", first, count, from: at, to: at }] : [];
  });
}

function lineOf(stream: Stream, batch: ArrivedBatch): CertifiedBatch {
  const { epoch, first, count, digest, gap } = batch;
  return {
    stream,
    epoch,
    first,
    count,
    kind: gap !== null ? "gap" : batch.readable ? "records" : "unreadable",
    digest,
    head: headOf(batch),
    receivedAt: batch.receivedAt.toISOString(),
    gap: gap === null ? null : { cause: gap.cause, from: gap.from.toISOString(), to: gap.to.toISOString() },
  };
}

function withSteadyTime(batches: readonly ArrivedBatch[]): ArrivedBatch[] {
  let latest = new Date(0);
  return batches.map((batch) => {
    if (batch.receivedAt > latest) latest = batch.receivedAt;
    return { ...batch, receivedAt: latest };
  });
}

function headOf({ digest, gap }: ArrivedBatch): Sha256 {
  return gap?.resumes ?? digest;
}

function endOf({ first, count }: ArrivedBatch): number {
  return first + count;
}

function reachedOf(batches: readonly ArrivedBatch[]): number {
  const last = batches.at(-1);
  return last === undefined ? 0 : endOf(last);
}

function countOf(batches: readonly ArrivedBatch[]): number {
  return sum(batches.map((batch) => batch.count));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

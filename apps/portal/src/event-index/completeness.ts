// Completeness of one stream of one product, as arithmetic (architecture, sections 5 and 11).
// C1  sent = what the sender signed as sealed, summed over epochs; what arrived beyond it was sent too. A sender that
//     was restored right after such a batch never signs it.
// C2  received = distinct record ids in the event store + repeated ids + records kept aside.
// C3  What is missing has a range and a cause: declared by the sender, missing in the store, or never sent.

import type { Epoch, Stream } from "@tms/records";

export interface IndexedBatch {
  newIds: number;
  repeated: number;
  keptAside: number;
}

export interface CompletenessInput {
  stream: Stream;
  ledgers: readonly {
    epoch: Epoch;
    sealedTo: number;
    spooledBytes: number;
    oldestAt: Date | null;
    announcedAt: Date;
    reportedAt: Date;
  }[];
  batches: readonly {
    id: string;
    epoch: Epoch;
    first: number;
    count: number;
    readable: boolean;
    gap: { cause: string; from: Date; to: Date } | null;
  }[];
  indexed: ReadonlyMap<string, IndexedBatch>;
  /** Rows that stand in the event store now, by batch. */
  storedRows: ReadonlyMap<string, number>;
  distinctIndexed: number;
}

export interface Gap {
  epoch: Epoch;
  first: number;
  count: number;
  cause: string;
  from: Date | null;
  to: Date | null;
}

export interface Completeness {
  stream: Stream;
  epoch: Epoch | null;
  sent: number | null;
  received: number;
  distinctIndexed: number;
  repeated: number;
  keptAside: number;
  unreadable: number;
  lost: number;
  erased: number;
  notYetIndexed: number;
  gaps: Gap[];
  spooledBytes: number;
  oldestAt: Date | null;
  trueUpTo: Date | null;
}

export function completenessOf(input: CompletenessInput): Completeness {
  const results = [...input.indexed.values()];
  const repeated = sum(results.map((result) => result.repeated));
  const keptAside = sum(results.map((result) => result.keptAside));
  const records = input.batches.filter((batch) => batch.gap === null);
  const gaps = [...declaredGaps(input), ...missingInStore(input), ...neverSent(input)];
  const newest = [...input.ledgers].sort((one, other) => one.reportedAt.getTime() - other.reportedAt.getTime()).at(-1);
  return {
    stream: input.stream,
    epoch: newest?.epoch ?? null,
    sent: input.ledgers.length === 0 ? null : sum(input.ledgers.map((ledger) => sentOf(ledger, input.batches))),
    received: input.distinctIndexed + repeated + keptAside,
    distinctIndexed: input.distinctIndexed,
    repeated,
    keptAside,
    unreadable: sum(records.filter((batch) => !batch.readable).map((batch) => batch.count)),
    lost: sum(gaps.map((gap) => gap.count)),
    // Retention does not erase anything yet: there is no erasing job.
    erased: 0,
    notYetIndexed: sum(
      records.filter((batch) => batch.readable && !input.indexed.has(batch.id)).map((batch) => batch.count),
    ),
    gaps,
    spooledBytes: newest?.spooledBytes ?? 0,
    oldestAt: newest?.oldestAt ?? null,
    trueUpTo: newest?.reportedAt ?? null,
  };
}

function declaredGaps(input: CompletenessInput): Gap[] {
  return input.batches.flatMap(({ epoch, first, count, gap }) =>
    gap === null ? [] : [{ epoch, first, count, cause: gap.cause, from: gap.from, to: gap.to }],
  );
}

/** A batch whose rows went missing after they were indexed: the store itself lost them. */
function missingInStore(input: CompletenessInput): Gap[] {
  return input.batches.flatMap(({ id, epoch, first }) => {
    const expected = input.indexed.get(id)?.newIds ?? 0;
    const missing = expected - (input.storedRows.get(id) ?? 0);
    return missing > 0 ? [{ epoch, first, count: missing, cause: "missing-in-store", from: null, to: null }] : [];
  });
}

/** An epoch that another one replaced never continues: what it sealed and never sent is lost. */
function neverSent(input: CompletenessInput): Gap[] {
  const current = [...input.ledgers]
    .sort((one, other) => one.announcedAt.getTime() - other.announcedAt.getTime())
    .at(-1);
  return input.ledgers.flatMap((ledger) => {
    if (ledger === current) return [];
    const reached = reachedIn(ledger.epoch, input.batches);
    const count = ledger.sealedTo - reached;
    const span = { from: null, to: ledger.reportedAt };
    return count > 0 ? [{ epoch: ledger.epoch, first: reached, count, cause: "epoch-ended", ...span }] : [];
  });
}

/** Number after the last one that arrived of an epoch. */
function reachedIn(epoch: Epoch, batches: CompletenessInput["batches"]): number {
  const ends = batches.filter((batch) => batch.epoch === epoch).map((batch) => batch.first + batch.count);
  return ends.reduce((highest, end) => Math.max(highest, end), 0);
}

function sentOf(ledger: { epoch: Epoch; sealedTo: number }, batches: CompletenessInput["batches"]): number {
  return Math.max(ledger.sealedTo, reachedIn(ledger.epoch, batches));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

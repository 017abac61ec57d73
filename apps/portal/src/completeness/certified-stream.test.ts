import { type Epoch, newId, type Sha256 } from "@tms/records";
import { sha256Of } from "@tms/signing";
import { expect, test } from "vitest";
import { type ArrivedBatch, type CertifiedLedger, certifiedStream, type StreamFacts } from "./certified-stream.ts";

const PERIOD = { from: new Date("2026-11-10T00:00:00Z"), to: new Date("2026-11-20T00:00:00Z") };
const day = (date: number) => new Date(Date.UTC(2026, 10, date, 12));
const EPOCH = newId<Epoch>();

function batch(first: number, count: number, change: Partial<ArrivedBatch> = {}): ArrivedBatch {
  const id = newId<string>();
  return {
    id,
    epoch: EPOCH,
    first,
    count,
    digest: sha256Of(id),
    readable: true,
    gap: null,
    receivedAt: day(12),
    ...change,
  };
}

function ledger(sealedTo: number, head: Sha256 | null, change: Partial<CertifiedLedger> = {}): CertifiedLedger {
  const times = { announcedAt: day(1), reportedAt: day(21) };
  return { epoch: EPOCH, sealedTo, head, signature: "c2ln", signingKey: Buffer.from("key"), ...times, ...change };
}

function factsOf(batches: ArrivedBatch[], ledgers: CertifiedLedger[], change: Partial<StreamFacts> = {}): StreamFacts {
  const carried = batches.filter((one) => one.gap === null && one.readable);
  const indexed = new Map(carried.map((one) => [one.id, { newIds: one.count, repeated: 0, keptAside: 0 }]));
  const storedRows = new Map(carried.map((one) => [one.id, one.count]));
  return { stream: "audit", ledgers, batches, indexed, storedRows, ...change };
}

test("a period begins after what arrived before it, and what arrived later leads to the sender's word", () => {
  const batches = [
    batch(0, 10, { receivedAt: day(9) }),
    batch(10, 5),
    batch(15, 5),
    batch(20, 7, { receivedAt: day(21) }),
  ];
  const [before, , last, later] = batches;

  const { epochs, lines } = certifiedStream(factsOf(batches, [ledger(29, sha256Of("sealed"))]), PERIOD);

  expect(lines.map((line) => line.first)).toEqual([10, 15]);
  expect(epochs).toMatchObject([
    {
      first: 10,
      previous: before?.digest,
      next: 20,
      head: last?.digest,
      received: 10,
      lost: [],
      afterwards: { arrived: 7, head: later?.digest, waiting: 2, lost: 0 },
    },
  ]);
});

test("gaps, unreadable batches and rows that went missing are told apart, and each loss has its time", () => {
  const gap = { cause: "spool-full", from: day(3), to: day(4), resumes: sha256Of("dropped") };
  const gone = batch(20, 5);
  const batches = [batch(0, 10), batch(10, 7, { gap }), batch(17, 3, { readable: false }), gone];
  const facts = factsOf(batches, [ledger(25, gone.digest)]);
  const storedRows = new Map([...facts.storedRows, [gone.id, 4]]);

  const { epochs, lines } = certifiedStream({ ...facts, storedRows }, PERIOD);

  expect(epochs).toMatchObject([
    {
      received: 14,
      unreadable: 3,
      lost: [
        { cause: "spool-full", first: 10, count: 7, from: day(3).toISOString(), to: day(4).toISOString() },
        { cause: "missing-in-store", first: 20, count: 1, from: day(12).toISOString() },
      ],
    },
  ]);
  expect(lines[1]).toMatchObject({ kind: "gap", head: gap.resumes });
});

test("what an ended epoch never sent is lost when it ended, and in no other period", () => {
  const next = ledger(0, null, { epoch: newId<Epoch>(), announcedAt: day(15) });
  const one = batch(0, 10);
  const facts = factsOf([one], [ledger(14, sha256Of("sealed"), { reportedAt: day(14) }), next]);

  const inside = certifiedStream(facts, PERIOD);
  const earlier = certifiedStream(facts, { from: day(11), to: day(13) });
  const later = certifiedStream(facts, { from: day(16), to: day(18) });

  expect(inside.epochs[0]).toMatchObject({
    lost: [{ cause: "epoch-ended", first: 10, count: 4, from: day(12).toISOString(), to: day(15).toISOString() }],
    afterwards: { waiting: 0, lost: 0 },
  });
  expect(earlier.epochs).toMatchObject([{ lost: [], afterwards: { waiting: 0, lost: 4 } }]);
  expect(later.epochs.map(({ epoch }) => epoch)).toEqual([next.epoch]);
});

test("two periods that follow each other have every number once, though the clock stepped back between", () => {
  const batches = [batch(0, 10, { receivedAt: day(12) }), batch(10, 10, { receivedAt: day(10) }), batch(20, 1)];
  const facts = factsOf(batches, [ledger(21, batches[2]?.digest ?? null)]);

  const [one, other] = [
    certifiedStream(facts, { from: day(1), to: day(11) }),
    certifiedStream(facts, { from: day(11), to: day(20) }),
  ];

  expect([one.epochs[0]?.next, other.epochs[0]?.first, other.epochs[0]?.next]).toEqual([0, 0, 21]);
  expect([...one.lines, ...other.lines].map((line) => line.first)).toEqual([0, 10, 20]);
});

test("a batch that is not indexed yet has arrived, and is said so", () => {
  const one = batch(0, 10);

  const { epochs } = certifiedStream(factsOf([one], [ledger(10, one.digest)], { indexed: new Map() }), PERIOD);

  expect(epochs).toMatchObject([{ received: 10, notYetIndexed: 10, lost: [] }]);
});

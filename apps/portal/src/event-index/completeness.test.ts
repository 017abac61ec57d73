import { type Epoch, newId } from "@tms/records";
import { expect, test } from "vitest";
import { type CompletenessInput, completenessOf } from "./completeness.ts";
import { storeTime } from "./event-rows.ts";

const EPOCH = newId<Epoch>();
const AT = new Date("2026-11-24T09:00:00Z");

function inputWith(change: Partial<CompletenessInput> = {}): CompletenessInput {
  return {
    stream: "threat-events",
    ledgers: [{ epoch: EPOCH, sealedTo: 10, spooledBytes: 0, oldestAt: null, announcedAt: AT, reportedAt: AT }],
    batches: [{ id: "b1", epoch: EPOCH, first: 0, count: 10, readable: true, gap: null }],
    indexed: new Map([["b1", { newIds: 8, repeated: 1, keptAside: 1 }]]),
    storedRows: new Map([["b1", 8]]),
    distinctIndexed: 8,
    ...change,
  };
}

test("received is distinct ids, repeated ids and records kept aside", () => {
  expect(completenessOf(inputWith())).toMatchObject({ sent: 10, received: 10, lost: 0, gaps: [], notYetIndexed: 0 });
});

test("nothing is claimed as sent before the first ledger", () => {
  expect(completenessOf(inputWith({ ledgers: [] })).sent).toBeNull();
});

test("rows that went missing in the store are lost and have their range", () => {
  const lost = completenessOf(inputWith({ storedRows: new Map(), distinctIndexed: 0 }));

  expect(lost).toMatchObject({ received: 2, lost: 8 });
  expect(lost.gaps).toEqual([{ epoch: EPOCH, first: 0, count: 8, cause: "missing-in-store", from: null, to: null }]);
});

test("a declared gap is lost with the sender's own cause and span", () => {
  const gap = { cause: "spool-full", from: AT, to: AT };
  const input = inputWith({
    batches: [...inputWith().batches, { id: "b2", epoch: EPOCH, first: 10, count: 5, readable: true, gap }],
  });

  expect(completenessOf(input)).toMatchObject({ lost: 5, gaps: [{ first: 10, count: 5, cause: "spool-full" }] });
});

test("an unreadable batch is counted apart, and a batch that is not indexed yet too", () => {
  const input = inputWith({
    batches: [
      ...inputWith().batches,
      { id: "b2", epoch: EPOCH, first: 10, count: 5, readable: false, gap: null },
      { id: "b3", epoch: EPOCH, first: 15, count: 7, readable: true, gap: null },
    ],
  });

  expect(completenessOf(input)).toMatchObject({ unreadable: 5, notYetIndexed: 7, lost: 0 });
});

test("what an ended epoch sealed and never sent is lost", () => {
  const next = newId<Epoch>();
  const later = new Date(AT.getTime() + 1000);
  const input = inputWith({
    ledgers: [
      { epoch: EPOCH, sealedTo: 14, spooledBytes: 0, oldestAt: null, announcedAt: AT, reportedAt: AT },
      { epoch: next, sealedTo: 3, spooledBytes: 9, oldestAt: null, announcedAt: later, reportedAt: later },
    ],
  });

  expect(completenessOf(input)).toMatchObject({
    sent: 17,
    lost: 4,
    spooledBytes: 9,
    gaps: [{ epoch: EPOCH, first: 10, count: 4, cause: "epoch-ended" }],
  });
});

test("what arrived beyond the last ledger was sent too: its sender was restored before it could sign it", () => {
  const next = newId<Epoch>();
  const later = new Date(AT.getTime() + 1000);
  const input = inputWith({
    ledgers: [
      { epoch: EPOCH, sealedTo: 8, spooledBytes: 0, oldestAt: null, announcedAt: AT, reportedAt: AT },
      { epoch: next, sealedTo: 0, spooledBytes: 0, oldestAt: null, announcedAt: later, reportedAt: later },
    ],
  });

  expect(completenessOf(input)).toMatchObject({ sent: 10, received: 10, lost: 0, gaps: [] });
});

test("the store's time keeps microseconds and bounds absurd clocks", () => {
  expect(storeTime("2026-11-24T09:00:00.123456+01:00")).toBe("2026-11-24 08:00:00.123456");
  expect(storeTime("2026-11-24T09:00:00Z")).toBe("2026-11-24 09:00:00.000000");
  expect(storeTime("2026-11-24T09:00:00.123456789Z")).toBe("2026-11-24 09:00:00.123456");
  expect(storeTime("1899-12-31T00:00:00Z").slice(0, 4)).toBe("1900");
  expect(storeTime("0001-01-01T00:00:00Z").slice(0, 4)).toBe("1900");
  expect(storeTime("9999-01-01T00:00:00Z").slice(0, 4)).toBe("2299");
});

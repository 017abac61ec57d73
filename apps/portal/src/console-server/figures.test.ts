import { expect, test } from "vitest";
import { completenessOf } from "#app/event-index/index.ts";
import { completeText } from "./figures.ts";

function stream(change: Partial<ReturnType<typeof completenessOf>>) {
  const nothing = { ledgers: [], batches: [], indexed: new Map(), storedRows: new Map(), distinctIndexed: 0 };
  return { ...completenessOf({ stream: "threat-events", ...nothing }), ...change };
}

test("the data is complete when every stream arrived as far as its sender says", () => {
  const streams = [stream({ sent: 10, received: 10 }), stream({ sent: 4, received: 4 }), stream({})];

  expect(completeText(streams)).toEqual({ complete: true, text: "14 of 14 records received, 0 lost." });
});

test("what one stream has beyond its sender's last word makes up for no other's missing records", () => {
  const streams = [stream({ sent: 5, received: 10 }), stream({ sent: 10, received: 5 })];

  const { complete, text } = completeText(streams);

  expect(complete).toBe(false);
  expect(text).toBe("15 of 20 records received, 0 lost, 5 still on their way.");
});

test.each([
  ["a lost record", { sent: 10, received: 9, lost: 1 }, "9 of 10 records received, 1 lost."],
  [
    "a lost record of which more arrived since",
    { sent: 10, received: 12, lost: 1 },
    "12 of 13 records received, 1 lost.",
  ],
  ["an unreadable record", { sent: 10, received: 9, unreadable: 1 }, "9 of 10 records received, 0 lost, 1 unreadable."],
  ["a sender that never said what it sent", { sent: null, received: 0 }, "0 of 0 records received, 0 lost."],
])("%s: the data is not complete", (_what, change, expected) => {
  const { complete, text } = completeText([stream(change)]);

  expect([complete, text]).toEqual([false, expected]);
});

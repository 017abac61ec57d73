import { expect, test } from "vitest";
import { readSummed, withSum } from "./summed-json.ts";

test("a bit that flips anywhere is noticed or changes nothing", () => {
  const value = { v: 1, epoch: "0a", ackedTo: 12, ended: [{ head: null }], text: "ü" };
  const text = Buffer.from(withSum(value), "utf8");

  const read = Array.from({ length: text.length * 8 }, (_, bit) => {
    const changed = Buffer.from(text);
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    return readSummed(changed.toString("utf8"));
  });

  // In the name of the field `sum` itself a flip leaves the value and one field more, which nobody reads.
  for (const one of read.filter((other) => other !== null)) expect(one).toMatchObject(value);
  expect(readSummed(text.toString("utf8"))).toEqual(value);
});

test("what was written before there were sums is believed", () => {
  const read = readSummed('{"v":1,"ackedTo":12}');

  expect(read).toEqual({ v: 1, ackedTo: 12 });
});

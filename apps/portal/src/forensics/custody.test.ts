import type { Sha256 } from "@tms/records";
import { expect, test } from "vitest";
import { type CustodyEntry, custodyHash, firstBrokenLink } from "./custody.ts";

function chain(): CustodyEntry[] {
  const entries: CustodyEntry[] = [];
  for (const [index, action] of (["upload-begun", "upload-finished", "verified", "downloaded"] as const).entries()) {
    const entry = { at: new Date(index * 1000), who: "product", action, detail: `step ${index}` };
    entries.push({ ...entry, hash: custodyHash(entries.at(-1)?.hash ?? null, entry) });
  }
  return entries;
}

test("an untouched chain holds", () => {
  expect(firstBrokenLink(chain())).toBeNull();
});

test.each([
  ["a changed name", (entries: CustodyEntry[]) => Object.assign(entries[3] ?? {}, { who: "nobody" }), 3],
  ["a dropped entry", (entries: CustodyEntry[]) => entries.splice(1, 1), 1],
  ["swapped entries", (entries: CustodyEntry[]) => entries.splice(1, 2, ...entries.slice(1, 3).reverse()), 1],
  [
    "a changed hash",
    (entries: CustodyEntry[]) => Object.assign(entries[0] ?? {}, { hash: "0".repeat(64) as Sha256 }),
    0,
  ],
] as const)("%s breaks it at its place", (_, tamper, expected) => {
  const entries = chain();

  tamper(entries);

  expect(firstBrokenLink(entries)).toBe(expected);
});

import { expect, test } from "vitest";
import { planOfSeed } from "./plan-of-seed.ts";

test("gives the same plan for the same seed and another one for another", () => {
  const first = planOfSeed(7);

  const again = planOfSeed(7);
  const other = planOfSeed(8);

  expect(again).toEqual(first);
  expect(other.marker).not.toBe(first.marker);
});

test("reaches both agents and every depth within a hundred seeds", () => {
  const plans = Array.from({ length: 100 }, (_, seed) => planOfSeed(seed));

  expect(new Set(plans.map((plan) => plan.infected))).toEqual(new Set([0, 1]));
  expect(new Set(plans.map((plan) => plan.scripts.length))).toEqual(new Set([1, 2, 3]));
});

test("gives the twin the threat's size and everything but its marker", () => {
  const { payload, twin, marker } = planOfSeed(3);

  expect(twin.text).toHaveLength(payload.text.length);
  expect(payload.text).toContain(marker);
  expect(twin.text).not.toContain("TMS-HARMLESS-");
});

import type { ArrivingStart } from "@tms/link/upper";
import fc from "fast-check";
import { expect, test } from "vitest";
import { acceptanceOf, DEFAULT_SILENCE_RULES, livenessOf, servedMs } from "./heartbeat.ts";

const NOW = new Date("2026-11-24T12:00:00Z");
const minutesAgo = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000);
const served = (from: number, to = 0) => [{ since: minutesAgo(from), until: minutesAgo(to) }];

test("a restored backup takes over after three intervals of sixty seconds, and not before", () => {
  const arriving = (start: string, change: Partial<ArrivingStart> = {}): ArrivingStart => ({
    start,
    counter: 1,
    contentDigest: start,
    earlierStarts: [],
    challenge: null,
    instanceId: "one",
    host: "host-1",
    address: "10.0.0.1",
    version: "1.0.0",
    ...change,
  });
  const at = (seconds: number) => ({ nowMs: seconds * 1000, newChallenge: "challenge" });
  const first = acceptanceOf(null, arriving("before"), at(0)).after;
  const known = acceptanceOf(first, arriving("in force", { earlierStarts: ["before"] }), at(0)).after;
  const restored = { earlierStarts: ["before"], challenge: "challenge" };
  const met = acceptanceOf(known, arriving("restored", { ...restored, challenge: null }), at(0)).after;

  const kinds = [179, 180].map(
    (seconds) => acceptanceOf(met, arriving("restored", { ...restored, counter: 2 }), at(seconds)).kind,
  );

  expect(kinds).toEqual(["diverged", "restored"]);
});

test("a product that never spoke is awaited", () => {
  expect(livenessOf(null, { now: NOW, serving: served(60) })).toBe("awaited");
});

test.each([
  [1, "online"],
  [2, "online"],
  [3, "late"],
  [29, "late"],
  [31, "offline"],
] as const)("silence of %i served minutes is judged %s", (minutes, expected) => {
  expect(livenessOf(minutesAgo(minutes), { now: NOW, serving: served(600) })).toBe(expected);
});

test("silence while the portal itself was away counts for nobody", () => {
  const serving = [...served(600, 90), ...served(1)];

  expect(livenessOf(minutesAgo(90), { now: NOW, serving })).toBe("portal-away");
});

test("a short threshold never makes a product offline before three intervals", () => {
  const rules = { ...DEFAULT_SILENCE_RULES, offlineAfterMs: 1000 };

  expect(livenessOf(minutesAgo(2.5), { now: NOW, serving: served(600) }, rules)).toBe("late");
});

test("periods of several nodes count once, however they overlap", () => {
  const period = fc
    .tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 500 }))
    .map(([one, other]) => ({ since: minutesAgo(Math.max(one, other)), until: minutesAgo(Math.min(one, other)) }));
  fc.assert(
    fc.property(fc.array(period, { maxLength: 8 }), (periods) => {
      const span = { since: minutesAgo(400), until: minutesAgo(100) };
      const minutes = Array.from({ length: 300 }, (_, index) => 399.5 - index);
      const counted = minutes.filter((at) =>
        periods.some((one) => minutesAgo(at) > one.since && minutesAgo(at) < one.until),
      ).length;

      expect(servedMs(span, periods)).toBe(counted * 60_000);
    }),
  );
});

import type { ArrivingStart } from "@tms/link/upper";
import fc from "fast-check";
import { expect, test } from "vitest";
import { acceptanceOf, DEFAULT_SILENCE_RULES, livenessOf, rhythmOf, servedMs, silenceRulesOf } from "./heartbeat.ts";

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

test.each([
  [15, 12.5, 1],
  [60, 50, 1],
  [90, 50, 31],
  [300, 50, 220],
])(
  "with an interval of %i s a heartbeat is held %d s at most and the next one comes %d s later",
  (interval, wait, pause) => {
    const { waitMs, pauseMs } = rhythmOf(silenceRulesOf({ intervalSeconds: interval }));

    expect([waitMs / 1000, pauseMs / 1000]).toEqual([wait, pause]);
    expect(waitMs + pauseMs).toBeLessThan(interval * 1000);
  },
);

test("what a customer sets is its own, and the rest stays the default", () => {
  expect(silenceRulesOf({})).toEqual(DEFAULT_SILENCE_RULES);
  expect(silenceRulesOf({ intervalSeconds: 300 })).toEqual({ ...DEFAULT_SILENCE_RULES, heartbeatIntervalMs: 300_000 });
  expect(silenceRulesOf({ offlineAfterMinutes: 5 })).toEqual({ ...DEFAULT_SILENCE_RULES, offlineAfterMs: 300_000 });
});

test("a restored backup waits for three of the customer's intervals", () => {
  const rules = silenceRulesOf({ intervalSeconds: 300 });
  const one = { contentDigest: "x", instanceId: "one", host: "host-1", address: "10.0.0.1", version: "1.0.0" };
  const arriving = (
    start: string,
    counter: number,
    challenge: string | null,
    earlierStarts: string[],
  ): ArrivingStart => ({
    ...one,
    start,
    counter,
    challenge,
    earlierStarts,
  });
  const at = (seconds: number) => ({ nowMs: seconds * 1000, newChallenge: "challenge", rules });
  const first = acceptanceOf(null, arriving("before", 1, null, []), at(0)).after;
  const known = acceptanceOf(first, arriving("in force", 1, null, ["before"]), at(0)).after;
  const met = acceptanceOf(known, arriving("restored", 1, null, ["before"]), at(0)).after;

  const kinds = [899, 900].map(
    (seconds) => acceptanceOf(met, arriving("restored", 2, "challenge", ["before"]), at(seconds)).kind,
  );

  expect(kinds).toEqual(["diverged", "restored"]);
});

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  acceptanceOf,
  DEFAULT_SILENCE_RULES,
  earlierAfter,
  type KnownStart,
  livenessOf,
  servedMs,
} from "./heartbeat.ts";

const KNOWN: KnownStart = { start: "s1", counter: 7, contentDigest: "d7", earlier: [] };
const arriving = (change: Partial<Parameters<typeof acceptanceOf>[1]> = {}) => ({
  start: "s1",
  counter: 8,
  earlierStarts: [],
  contentDigest: "d8",
  ...change,
});

const NOW = new Date("2026-11-24T12:00:00Z");
const minutesAgo = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000);
const served = (from: number, to = 0) => [{ since: minutesAgo(from), until: minutesAgo(to) }];

test("the first heartbeat of a product is the first", () => {
  expect(acceptanceOf(null, arriving())).toEqual({ kind: "first" });
});

test("a higher counter of the same start is the next one", () => {
  expect(acceptanceOf(KNOWN, arriving())).toEqual({ kind: "next" });
});

test("the same counter with the same content is a retry, with other content it is refused", () => {
  const retry = acceptanceOf(KNOWN, arriving({ counter: 7, contentDigest: "d7" }));
  const replayed = acceptanceOf(KNOWN, arriving({ counter: 7, contentDigest: "other" }));

  expect(retry).toEqual({ kind: "retry" });
  expect(replayed).toEqual({ kind: "replayed" });
});

test("an older counter is refused even with content that was once right", () => {
  expect(acceptanceOf(KNOWN, arriving({ counter: 6, contentDigest: "d7" }))).toEqual({ kind: "replayed" });
});

test("a new start that names the known one is a restart, one that does not has diverged", () => {
  const restart = acceptanceOf(KNOWN, arriving({ start: "s2", earlierStarts: ["s1"] }));
  const diverged = acceptanceOf(KNOWN, arriving({ start: "s2", earlierStarts: ["s0"] }));

  expect(restart).toEqual({ kind: "restart" });
  expect(diverged).toEqual({ kind: "diverged", from: "s1" });
});

test.each([
  [5, "d5", "retry"],
  [5, "other", "replayed"],
  [4, "d5", "replayed"],
  [6, "d6", "diverged"],
] as const)(
  "a start that was followed, at counter %i with content %s, is judged %s",
  (counter, contentDigest, kind) => {
    const known = { ...KNOWN, earlier: [{ start: "s0", counter: 5, contentDigest: "d5" }] };

    expect(acceptanceOf(known, arriving({ start: "s0", counter, contentDigest })).kind).toBe(kind);
  },
);

test("the start in force joins the earlier ones once another follows, and a start stands there once", () => {
  const earlier = Array.from({ length: 64 }, (_, index) => ({ start: `s${-index}`, counter: 1, contentDigest: "d" }));

  const followed = earlierAfter({ ...KNOWN, earlier }, "s2");
  const returned = earlierAfter({ ...KNOWN, earlier }, "s0");

  expect(followed[0]).toEqual({ start: "s1", counter: 7, contentDigest: "d7" });
  expect(followed).toHaveLength(64);
  expect(returned.map((one) => one.start)).not.toContain("s0");
  expect(earlierAfter(null, "s1")).toEqual([]);
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

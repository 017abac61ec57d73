import { expect, test } from "vitest";
import { absoluteText, agoText, durationText, offsetText, timeLines, utcText } from "./format-time.ts";

const ZONE = "Europe/Vienna";
const NOW = new Date("2026-11-24T08:46:32Z");

test.each([
  ["2026-11-24T08:46:21Z", "09:46:21"],
  ["2026-11-23T15:20:00Z", "Mon 23 Nov, 16:20"],
  ["2025-03-03T09:00:00Z", "3 Mar 2025"],
])("writes %s as %s", (at, text) => {
  const written = absoluteText(new Date(at), NOW, ZONE);

  expect(written).toBe(text);
});

test.each([
  ["2026-11-24T08:46:21Z", { first: "11 s ago", second: "09:46:21" }],
  ["2026-11-23T21:10:41Z", { first: "11 h ago", second: "Mon 22:10:41" }],
  ["2026-11-19T16:02:40Z", { first: "Thu 19 Nov", second: "17:02:40" }],
  ["2026-11-24T09:00:00Z", { first: "in 13 min", second: "10:00:00" }],
])("puts the relative time of %s first, until it is a day old", (at, lines) => {
  const written = timeLines(new Date(at), NOW, ZONE);

  expect(written).toEqual(lines);
});

test("writes durations in whole units", () => {
  expect(durationText(11_280_000)).toBe("3 h 8 min");
  expect(durationText(64 * 86_400_000)).toBe("64 days");
  expect(agoText(2_880_000)).toBe("48 min ago");
});

test("names the zone's difference and UTC with milliseconds", () => {
  expect(offsetText(NOW, ZONE)).toBe("UTC+1");
  expect(offsetText(NOW, "UTC")).toBe("UTC");
  expect(utcText(NOW)).toBe("2026-11-24 08:46:32.000 UTC");
});

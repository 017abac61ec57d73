import fc from "fast-check";
import { expect, test } from "vitest";
import { isForeignOrigin } from "./foreign-origin.ts";
import { addressKey, createRateLimiter } from "./rate-limit.ts";
import { isLoopback } from "./security-headers.ts";

const OWN = { method: "POST", host: "portal.example:8440", origin: undefined, secFetchSite: undefined };

test.each([
  {
    case: "the console itself",
    change: { origin: "https://portal.example:8440", secFetchSite: "same-origin" },
    foreign: false,
  },
  { case: "a program without either header", change: {}, foreign: false },
  { case: "the host in other letters", change: { origin: "https://PORTAL.example:8440" }, foreign: false },
  { case: "another port of the same host", change: { origin: "https://portal.example:9440" }, foreign: true },
  {
    case: "a longer host that begins alike",
    change: { origin: "https://portal.example:8440.evil.example" },
    foreign: true,
  },
  { case: "an opaque origin", change: { origin: "null" }, foreign: true },
  { case: "a neighbour under the same domain", change: { secFetchSite: "same-site" }, foreign: true },
  {
    case: "another site with a forged own origin",
    change: { origin: "https://portal.example:8440", secFetchSite: "cross-site" },
    foreign: true,
  },
  {
    case: "an origin without a host to compare",
    change: { host: undefined, origin: "https://portal.example:8440" },
    foreign: true,
  },
  {
    case: "a link on another site that only reads",
    change: { method: "GET", secFetchSite: "cross-site" },
    foreign: false,
  },
])("origin: $case", ({ change, foreign }) => {
  expect(isForeignOrigin({ ...OWN, ...change })).toBe(foreign);
});

test.each([
  ["127.0.0.1", true],
  ["127.8.9.1", true],
  ["localhost", true],
  ["portal.localhost", true],
  ["[::1]", true],
  ["127.0.0.1.evil.example", false],
  ["localhost.evil.example", false],
  ["portal.example", false],
])("loopback: %s", (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
  ["2001:db8::9", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
])("address key of %s", (address, expected) => {
  expect(addressKey(address)).toBe(expected);
});

test("no sequence of requests gets more than one burst and the inflow", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 120 }),
      fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 200 }),
      (perMinute, gaps) => {
        let nowMs = 0;
        const limiter = createRateLimiter({ clock: { now: () => new Date(nowMs) } });
        let served = 0;
        for (const gap of gaps) {
          nowMs += gap;
          if (limiter.take("a", perMinute) === 0) served += 1;
        }
        return served <= perMinute + (nowMs * perMinute) / 60_000 + 1e-6;
      },
    ),
  );
});

test("waiting as long as told is always enough", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 600 }), (perMinute) => {
      let nowMs = 0;
      const limiter = createRateLimiter({ clock: { now: () => new Date(nowMs) } });
      let wait = 0;
      while (wait === 0) wait = limiter.take("a", perMinute);
      nowMs += wait * 1000;
      return limiter.take("a", perMinute) === 0;
    }),
  );
});

test("remembers a bounded number of callers", () => {
  const limiter = createRateLimiter({ clock: { now: () => new Date(0) }, maxBuckets: 3 });
  for (const key of ["a", "b", "c"]) limiter.take(key, 1);
  limiter.take("d", 1);

  expect(limiter.take("b", 1)).toBeGreaterThan(0);
  expect(limiter.take("a", 1)).toBe(0);
});

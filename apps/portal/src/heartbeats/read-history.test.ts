import { type CustomerId, newId, type ProductId } from "@tms/records";
import { TestClock } from "@tms/testkit";
import { expect, test } from "vitest";
import type { ServingPeriod } from "./heartbeat.ts";
import { createReadHistory } from "./read-history.ts";

// From kept facts to what a page shows, over facts given by hand.

const NOW = new Date("2026-11-24T12:00:00Z");
const before = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000);
const SCOPE = { customer: newId<CustomerId>() };
const product = newId<ProductId>();
const said = {
  start: "one",
  ready: { ok: true, reasons: [] },
  sending: "on" as const,
  version: "1.5.0",
  host: "mit",
  address: "192.0.2.10",
};

function read(lastSeenAt: Date | null, serving: ServingPeriod[]) {
  const readHistory = createReadHistory({
    history: {
      changes: async () => [{ at: before(20_000), ...said }],
      silences: async () => [],
      spool: async () => [],
    },
    lastSeenAt: async () => lastSeenAt,
    serving: async () => serving,
    provider: { provider: true },
    clock: new TestClock(NOW),
  });
  return readHistory(SCOPE, { product, from: null, to: null });
}

test("a product that spoke just now is online to the end, though the server's last word is a second old", async () => {
  const history = await read(before(1), [{ since: before(50_000), until: new Date(NOW.getTime() - 900) }]);

  expect(history.heartbeat.map((one) => one.state)).toEqual(["online"]);
  expect([history.from, history.to]).toEqual([before(7 * 1440), NOW]);
});

test("a silence that goes on is shown before it ends", async () => {
  const history = await read(before(60), [{ since: before(50_000), until: new Date(NOW.getTime() - 900) }]);

  expect(history.heartbeat.map((one) => one.state)).toEqual(["online", "late", "offline"]);
  expect(history.incidents).toMatchObject([{ kind: "offline", from: before(60), to: null }]);
});

test("after an outage of the portal nobody is offline: the product has not had its time to come back", async () => {
  const history = await read(before(600), [
    { since: before(50_000), until: before(600) },
    { since: before(1), until: NOW },
  ]);

  expect(history.heartbeat.map((one) => one.state)).toEqual(["online", "portal-away", "online"]);
  expect(history.incidents.map((one) => one.kind)).toEqual(["portal-away"]);
});

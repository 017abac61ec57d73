import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ServingPeriod } from "./heartbeat.ts";
import { type HistoryFacts, historyOf, type SaidChange } from "./history.ts";
import { historyIncidents } from "./history-incidents.ts";
import { mergedServing, type Silence } from "./silence-parts.ts";

const START = Date.UTC(2026, 10, 24);
const at = (minute: number) => new Date(START + minute * 60_000);
const DAY = { from: at(0), to: at(1440) };
const ALWAYS: ServingPeriod[] = [{ since: at(-10_000), until: at(10_000) }];

function said(minute: number, change: Partial<SaidChange> = {}): SaidChange {
  const ready = { ok: true, reasons: [] };
  const one = {
    at: at(minute),
    start: "one",
    ready,
    sending: "on" as const,
    version: "1.5.0",
    host: "mit",
    address: "::1",
  };
  return { ...one, ...change };
}

function factsWith(change: Partial<HistoryFacts> = {}): HistoryFacts {
  return { changes: [said(-60)], silences: [], serving: ALWAYS, ...change };
}

const minuteOf = (instant: Date | null) => (instant === null ? null : (instant.getTime() - START) / 60_000);
const shown = (periods: { state: string; from: Date; to: Date }[]) =>
  periods.map((period) => [period.state, minuteOf(period.from), minuteOf(period.to)]);

describe("the bands", () => {
  test("a silence is online until it is late and late until it is offline, and readiness is not known meanwhile", () => {
    const { heartbeat, ready } = historyOf(DAY, factsWith({ silences: [{ since: at(100), until: at(288) }] }));

    expect(shown(heartbeat)).toEqual([
      ["online", 0, 102],
      ["late", 102, 130],
      ["offline", 130, 288],
      ["online", 288, 1440],
    ]);
    expect(shown(ready)).toEqual([
      ["ready", 0, 102],
      ["not-known", 102, 288],
      ["ready", 288, 1440],
    ]);
  });

  test("a customer's longer interval moves late and offline on", () => {
    const rules = { heartbeatIntervalMs: 300_000, offlineAfterMs: 60 * 60_000 };

    const { heartbeat } = historyOf(DAY, factsWith({ silences: [{ since: at(100), until: at(288) }], rules }));

    expect(shown(heartbeat)).toEqual([
      ["online", 0, 110],
      ["late", 110, 160],
      ["offline", 160, 288],
      ["online", 288, 1440],
    ]);
  });

  test("a silence while the portal itself was away is the portal's, also when the product needs a minute to return", () => {
    const serving = [
      { since: at(-10), until: at(100.5) },
      { since: at(140), until: at(2000) },
    ];
    const facts = factsWith({ serving, silences: [{ since: at(100), until: at(141) }] });

    expect(shown(historyOf(DAY, facts).heartbeat)).toEqual([
      ["online", 0, 100.5],
      ["portal-away", 100.5, 140],
      ["online", 140, 1440],
    ]);
    expect(historyIncidents(DAY, facts).map((one) => one.kind)).toEqual(["portal-away"]);
  });

  test("before anything was said nothing is known, and sending that is off is neither late nor offline", () => {
    const facts = factsWith({
      changes: [said(60), said(200, { sending: "disabled" }), said(900)],
      silences: [{ since: at(200), until: at(900) }],
    });

    expect(shown(historyOf(DAY, facts).heartbeat)).toEqual([
      ["not-known", 0, 60],
      ["online", 60, 200],
      ["sending-disabled", 200, 900],
      ["online", 900, 1440],
    ]);
    expect(historyIncidents(DAY, facts)).toMatchObject([{ kind: "sending-disabled", from: at(200), to: at(900) }]);
  });
});

describe("the incidents", () => {
  test("name what was known before a silence, and whether the same start came back", () => {
    const full = { ok: false, reasons: [{ code: "disk", text: "disk 94 % full" }] };
    const changes = [said(-60, { ready: full }), said(500, { start: "two" })];
    const silences = [
      { since: at(100), until: at(288) },
      { since: at(400), until: at(500) },
    ];

    const incidents = historyIncidents(DAY, factsWith({ changes, silences }));

    const silent = incidents.filter((one) => one.kind === "offline");
    expect(silent.map((one) => [minuteOf(one.from), minuteOf(one.to), one.cameBackAs, one.lastKnown?.ready])).toEqual([
      [100, 288, "same-start", full],
      [400, 500, "other-start", full],
    ]);
    expect(incidents.filter((one) => one.kind === "not-ready")).toHaveLength(2);
  });

  test("a silence that goes on has no end and nobody came back", () => {
    const incidents = historyIncidents(DAY, factsWith({ silences: [{ since: at(1300), until: at(1440) }] }));

    expect(incidents).toMatchObject([{ kind: "offline", from: at(1300), to: null, cameBackAs: null }]);
  });
});

describe("whatever happened", () => {
  const minutes = fc.integer({ min: -300, max: 1700 });
  const spans = fc
    .uniqueArray(minutes, { maxLength: 24 })
    .map((all) => [...all].sort((one, other) => one - other))
    .map((all) => all.flatMap((one, index) => (index % 2 === 0 ? [[one, all[index + 1] ?? one + 1] as const] : [])));
  const facts: fc.Arbitrary<HistoryFacts> = fc.record({
    changes: fc
      .uniqueArray(
        fc.record({ minute: minutes, ok: fc.boolean(), on: fc.boolean(), start: fc.constantFrom("a", "b") }),
        {
          maxLength: 12,
          selector: (one) => one.minute,
        },
      )
      .map((all) =>
        all
          .sort((one, other) => one.minute - other.minute)
          .map(({ minute, ok, on, start }) =>
            said(minute, { start, ready: { ok, reasons: [] }, sending: on ? "on" : "disabled" }),
          ),
      ),
    silences: spans.map((all) => all.map(([from, to]): Silence => ({ since: at(from), until: at(to) }))),
    serving: spans.map((all) => all.map(([from, to]) => ({ since: at(from), until: at(to) }))),
  });

  test("the periods of both bands cover the asked time without hole or overlap, and neighbours differ", () => {
    fc.assert(
      fc.property(facts, (given) => {
        const { heartbeat, ready } = historyOf(DAY, given);
        for (const band of [heartbeat, ready]) {
          expect(band[0]?.from).toEqual(DAY.from);
          expect(band.at(-1)?.to).toEqual(DAY.to);
          for (const [index, period] of band.entries()) {
            expect(period.to.getTime()).toBeGreaterThan(period.from.getTime());
            if (index > 0) expect(period.from).toEqual(band[index - 1]?.to);
          }
        }
        for (const [index, period] of heartbeat.entries()) {
          expect(period.state).not.toBe(heartbeat[index - 1]?.state);
        }
      }),
    );
  });

  test("no instant at which the portal was away is late or offline", () => {
    fc.assert(
      fc.property(facts, (given) => {
        const served = mergedServing(given.serving);
        const judged = historyOf(DAY, given).heartbeat.filter((one) => one.state === "late" || one.state === "offline");
        for (const { from, to } of judged) {
          expect(overlapMs(served, { from, to })).toBe(to.getTime() - from.getTime());
        }
      }),
    );
  });

  test("what is offline was silent for the whole threshold of served time before", () => {
    fc.assert(
      fc.property(facts, (given) => {
        for (const incident of historyIncidents(DAY, given).filter((one) => one.kind === "offline")) {
          const silent = { from: incident.from, to: incident.to ?? at(1700) };
          expect(overlapMs(mergedServing(given.serving), silent)).toBeGreaterThan(30 * 60_000);
        }
      }),
    );
  });
});

function overlapMs(served: { from: number; to: number }[], span: { from: Date; to: Date }): number {
  const [from, to] = [span.from.getTime(), span.to.getTime()];
  return served.reduce((sum, one) => sum + Math.max(0, Math.min(one.to, to) - Math.max(one.from, from)), 0);
}

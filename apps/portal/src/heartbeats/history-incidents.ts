import { type HistoryFacts, historyOf, lastBefore, type SaidChange } from "./history.ts";
import { type Silence, silenceParts } from "./silence-parts.ts";

export const INCIDENT_KINDS = ["offline", "late", "portal-away", "not-ready", "sending-disabled"] as const;

/** One stretch of a product's history that a person may ask about. */
export interface HistoryIncident {
  kind: (typeof INCIDENT_KINDS)[number];
  from: Date;
  /** null = it goes on. */
  to: Date | null;
  /** What was known last before a silence, or the reasons of one that could not mitigate. */
  lastKnown: SaidChange | null;
  /** After a silence: whether it is the same start, so an outage, or another one, so a restart or a restore. */
  cameBackAs: "same-start" | "other-start" | null;
}

/** An absence of the portal shorter than this is a restart, and nobody asks about it. */
const NAMED_ABSENCE_MS = 60_000;
/** The heartbeat that ends a silence is written down this much before "seen" at most. */
const SEEN_SLACK_MS = 5_000;

/** The stretches of the asked time, newest last. */
export function historyIncidents(asked: { from: Date; to: Date }, facts: HistoryFacts): HistoryIncident[] {
  const endOf = (at: Date) => (at.getTime() >= asked.to.getTime() ? null : at);
  const { heartbeat, ready } = historyOf(asked, facts);
  const said = (at: Date) => lastBefore(facts.changes, at.getTime(), (change) => change.at);
  const spoken = ready
    .filter((period) => period.state === "not-ready")
    .map((period) => ({ kind: "not-ready" as const, ...span(period, endOf), lastKnown: said(period.from) }));
  const disabled = heartbeat
    .filter((period) => period.state === "sending-disabled")
    .map((period) => ({ kind: "sending-disabled" as const, ...span(period, endOf), lastKnown: said(period.from) }));
  const quiet = [...spoken, ...disabled].map((one) => ({ ...one, cameBackAs: null }));
  const silent = facts.silences
    .filter((silence) => silence.until > asked.from && silence.since < asked.to)
    .flatMap((silence) => ofSilence(silence, facts, endOf));
  return [...quiet, ...silent].sort((one, other) => one.from.getTime() - other.from.getTime());
}

function ofSilence(silence: Silence, facts: HistoryFacts, endOf: (at: Date) => Date | null): HistoryIncident[] {
  const lastKnown = lastBefore(facts.changes, silence.since.getTime(), (change) => change.at);
  // Before the first change nothing is known, and whoever switched sending off is silent on purpose.
  if (lastKnown === null || lastKnown.sending === "disabled") return [];
  const parts = silenceParts(silence, facts.serving, facts.rules);
  const away = parts
    .filter((part) => part.state === "portal-away" && part.to.getTime() - part.from.getTime() >= NAMED_ABSENCE_MS)
    .map((part) => ({ kind: "portal-away" as const, ...span(part, endOf), lastKnown, cameBackAs: null }));
  const worst = ["offline", "late"].find((state) => parts.some((part) => part.state === state));
  if (worst !== "offline" && worst !== "late") return away;
  const to = endOf(silence.until);
  const cameBackAs =
    to === null ? null : startAfter(facts.changes, to) === lastKnown.start ? "same-start" : "other-start";
  return [...away, { kind: worst, from: silence.since, to, lastKnown, cameBackAs }];
}

function startAfter(changes: readonly SaidChange[], back: Date): string | undefined {
  return lastBefore(changes, back.getTime() + SEEN_SLACK_MS, (change) => change.at)?.start;
}

function span({ from, to }: { from: Date; to: Date }, endOf: (at: Date) => Date | null) {
  return { from, to: endOf(to) };
}

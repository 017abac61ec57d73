// History: what each product was, over time, from facts that were written when they happened.
// H1  Nothing is judged when it is written, so that a restart of the portal can neither invent nor lose a change.
// H2  The periods of a band cover the asked time without hole or overlap.
// H3  Time in which no status server served is never "late" or "offline" (I2).
// H4  What was not kept is "not known": the time before the first change, and readiness while nobody spoke.

import type { Readiness, ReadinessReason, ServingPeriod, SilenceRules } from "./heartbeat.ts";
import { type Silence, silenceParts } from "./silence-parts.ts";

export const HEARTBEAT_STATES = ["online", "late", "offline", "portal-away", "sending-disabled", "not-known"] as const;
export type HeartbeatState = (typeof HEARTBEAT_STATES)[number];

export interface HeartbeatPeriod {
  state: HeartbeatState;
  from: Date;
  to: Date;
}

export interface ReadyPeriod {
  state: "ready" | "not-ready" | "not-known";
  from: Date;
  to: Date;
  reasons: ReadinessReason[];
}

/** What a product said of itself, from `at` on. */
export interface SaidChange {
  at: Date;
  start: string;
  ready: Readiness;
  sending: "on" | "disabled";
  version: string;
  host: string;
  address: string;
}

export interface HistoryFacts {
  /** In order of time; the first may lie before the asked time. */
  changes: readonly SaidChange[];
  /** In order of time, without overlap; the one that still goes on ends at `to` of the asked time. */
  silences: readonly Silence[];
  serving: readonly ServingPeriod[];
  /** Absent = the defaults. */
  rules?: SilenceRules;
}

export interface History {
  heartbeat: HeartbeatPeriod[];
  ready: ReadyPeriod[];
}

/** Both bands of a product over the asked time. */
export function historyOf(asked: { from: Date; to: Date }, facts: HistoryFacts): History {
  const parts = facts.silences.flatMap((silence) => silenceParts(silence, facts.serving, facts.rules));
  const cuts = cutsOf(asked, [
    ...facts.changes.map((change) => change.at),
    ...parts.flatMap((part) => [part.from, part.to]),
  ]);
  const heartbeat: HeartbeatPeriod[] = [];
  const ready: ReadyPeriod[] = [];
  cuts.slice(0, -1).forEach((fromMs, index) => {
    const span = { from: new Date(fromMs), to: new Date(cuts[index + 1] ?? fromMs) };
    const said = lastBefore(facts.changes, fromMs, (change) => change.at);
    const part = lastBefore(parts, fromMs, (one) => one.from);
    const state = heartbeatState(said, part !== null && part.to.getTime() > fromMs ? part.state : "online");
    append(heartbeat, { state, ...span }, () => true);
    append(ready, { ...readiness(said, state), ...span }, (one, other) => sameReasons(one.reasons, other.reasons));
  });
  return { heartbeat, ready };
}

function heartbeatState(said: SaidChange | null, spoken: HeartbeatState): HeartbeatState {
  if (said === null) return "not-known";
  return said.sending === "disabled" ? "sending-disabled" : spoken;
}

function readiness(said: SaidChange | null, heartbeat: HeartbeatState): Pick<ReadyPeriod, "state" | "reasons"> {
  if (said === null || heartbeat !== "online") return { state: "not-known", reasons: [] };
  return said.ready.ok ? { state: "ready", reasons: [] } : { state: "not-ready", reasons: said.ready.reasons };
}

function cutsOf(asked: { from: Date; to: Date }, at: readonly Date[]): number[] {
  const [from, to] = [asked.from.getTime(), asked.to.getTime()];
  if (to <= from) return [];
  const inside = at.map((one) => one.getTime()).filter((one) => one > from && one < to);
  return [...new Set([from, ...inside, to])].sort((one, other) => one - other);
}

/** The last of an ordered list that begins at or before an instant. */
export function lastBefore<T>(ordered: readonly T[], atMs: number, beginOf: (one: T) => Date): T | null {
  let [low, high] = [0, ordered.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const one = ordered[middle];
    if (one !== undefined && beginOf(one).getTime() <= atMs) low = middle + 1;
    else high = middle;
  }
  return ordered[low - 1] ?? null;
}

/** Neighbours that say the same are one period. */
function append<T extends { state: string; to: Date }>(
  periods: T[],
  next: T,
  isSame: (one: T, other: T) => boolean,
): void {
  const last = periods.at(-1);
  if (last !== undefined && last.state === next.state && isSame(last, next)) last.to = next.to;
  else periods.push(next);
}

function sameReasons(one: readonly ReadinessReason[], other: readonly ReadinessReason[]): boolean {
  return (
    one.length === other.length &&
    one.every((reason, index) => reason.code === other[index]?.code && reason.text === other[index]?.text)
  );
}

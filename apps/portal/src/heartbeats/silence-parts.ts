import { DEFAULT_SILENCE_RULES, type ServingPeriod, type SilenceRules, thresholdsOf } from "./heartbeat.ts";

/** A time between two heartbeats that was long enough to be noticed. */
export interface Silence {
  since: Date;
  until: Date;
}

export interface SilencePart {
  state: "online" | "late" | "offline" | "portal-away";
  from: Date;
  to: Date;
}

/**
 * Cuts a silence into what it was: while no status server served it was the portal that was away, and only the served
 * time moves a product on from online to late to offline (I2). The parts follow each other without a hole.
 */
export function silenceParts(
  silence: Silence,
  serving: readonly ServingPeriod[],
  rules: SilenceRules = DEFAULT_SILENCE_RULES,
): SilencePart[] {
  const { lateAfterMs, offlineAfterMs } = thresholdsOf(rules);
  const parts: SilencePart[] = [];
  const end = silence.until.getTime();
  let reached = silence.since.getTime();
  let countedMs = 0;
  const put = (state: SilencePart["state"], to: number) => {
    if (to > reached) parts.push({ state, from: new Date(reached), to: new Date(to) });
    reached = Math.max(reached, to);
  };
  for (const period of mergedServing(serving)) {
    if (period.to <= reached || period.from >= end) continue;
    put("portal-away", period.from);
    const servedFrom = reached;
    const servedTo = Math.min(period.to, end);
    put("online", Math.min(servedTo, servedFrom + Math.max(0, lateAfterMs - countedMs)));
    put("late", Math.min(servedTo, servedFrom + Math.max(0, offlineAfterMs - countedMs)));
    put("offline", servedTo);
    countedMs += servedTo - servedFrom;
  }
  put("portal-away", end);
  return parts;
}

/** Times of service in order; those of several nodes may overlap and are one. */
export function mergedServing(serving: readonly ServingPeriod[]): { from: number; to: number }[] {
  const ordered = serving
    .map(({ since, until }) => ({ from: since.getTime(), to: until.getTime() }))
    .sort((one, other) => one.from - other.from);
  const merged: { from: number; to: number }[] = [];
  for (const period of ordered) {
    const last = merged.at(-1);
    if (last !== undefined && period.from <= last.to) last.to = Math.max(last.to, period.to);
    else merged.push({ ...period });
  }
  return merged;
}

import { keyText, type ProcessKey, type TelemetryEvent } from "@tms/root-cause";

// What the sensors saw, bounded.
// I1  Facts about processes that still live are never dropped: a chain may need them days later.
// I2  What is dropped leaves a gap event in its place, so that a chain never looks more complete than it is.

/** About 400 bytes each: 12 MB at most. */
const MAX_EVENTS = 30_000;
const KEPT_AFTER_PRUNE = 20_000;

export interface EventLog {
  add(event: TelemetryEvent): void;
  events(): TelemetryEvent[];
  /** Rises with every event; tells whether anything new came. */
  count(): number;
}

export function createEventLog(isAlive: (key: ProcessKey) => boolean): EventLog {
  let kept: TelemetryEvent[] = [];
  let count = 0;
  return {
    add(event) {
      kept.push(event);
      count += 1;
      if (kept.length > MAX_EVENTS) kept = pruned(kept, isAlive);
    },
    events: () => [...kept],
    count: () => count,
  };
}

function pruned(events: TelemetryEvent[], isAlive: (key: ProcessKey) => boolean): TelemetryEvent[] {
  const living = new Map<string, boolean>();
  const lives = (key: ProcessKey): boolean => {
    const text = keyText(key);
    const known = living.get(text) ?? isAlive(key);
    living.set(text, known);
    return known;
  };
  const border = events.length - KEPT_AFTER_PRUNE;
  const stays = (event: TelemetryEvent, index: number): boolean =>
    index >= border || event.kind === "gap" || ("process" in event && event.process !== null && lives(event.process));
  const dropped = events.filter((event, index) => !stays(event, index));
  const first = dropped[0];
  const last = dropped.at(-1);
  if (first === undefined || last === undefined) return events;
  const gap: TelemetryEvent = {
    kind: "gap",
    at: first.at,
    until: last.at,
    sensor: "agent",
    quality: "observed",
    reason: "Older events of processes that have ended were dropped.",
    lost: dropped.length,
  };
  return [gap, ...events.filter(stays)];
}

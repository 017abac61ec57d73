import type { ChainQuality } from "@tms/records";
import { keyText, type ParentClue, type ProcessKey, type TelemetryEvent } from "./telemetry-event.ts";

// Facts: what all events together say, independent of their order and of repeats. Wherever two events disagree, a total
// order over their contents decides, never the place in the input.

export interface ProcessFact {
  key: ProcessKey;
  image: string | null;
  argv: string[] | null;
  cwd: string | null;
  user: string | null;
  startedAt: string | null;
  endedAt: string | null;
  quality: ChainQuality;
  parent: ParentClue;
  /** False for a process known only because another names it. */
  isSeen: boolean;
}

export interface Touch {
  process: string;
  path: string;
  at: string;
  quality: ChainQuality;
}

export interface PersistenceFact {
  path: string;
  line: string;
  at: string;
  quality: ChainQuality;
  writers: { process: string; at: string; quality: ChainQuality }[];
}

export interface Facts {
  processes: Map<string, ProcessFact>;
  writes: Touch[];
  reads: Touch[];
  /** Every path that an event names, with its hash if one does. */
  files: Map<string, { sha256: string | null; at: string }>;
  renames: { from: string; to: string; at: string; quality: ChainQuality }[];
  persistence: PersistenceFact[];
  connections: { process: string; remote: string; at: string; quality: ChainQuality }[];
  gaps: { reason: string; at: string; until: string; lost: number | null }[];
}

const QUALITY_RANK: Record<ChainQuality, number> = { observed: 0, inferred: 1, snapshot: 2 };

export function betterQuality(a: ChainQuality, b: ChainQuality): ChainQuality {
  return QUALITY_RANK[a] <= QUALITY_RANK[b] ? a : b;
}

/** Plain code-unit order: the same on every machine, unlike a locale's. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function collectFacts(events: readonly TelemetryEvent[]): Facts {
  const facts: Facts = {
    processes: new Map(),
    writes: [],
    reads: [],
    files: new Map(),
    renames: [],
    persistence: [],
    connections: [],
    gaps: [],
  };
  for (const event of inFixedOrder(events)) take(facts, event);
  for (const process of [...facts.processes.values()]) {
    if (process.parent.kind === "process") processOf(facts, process.parent.key);
  }
  return facts;
}

/** Sorted by time of sight, then by whole content; equal events once. */
function inFixedOrder(events: readonly TelemetryEvent[]): TelemetryEvent[] {
  const byText = new Map<string, TelemetryEvent>();
  for (const event of events) byText.set(`${event.seenAt ?? event.at}\n${stableText(event)}`, event);
  return [...byText.entries()].sort(([a], [b]) => compareText(a, b)).map(([, event]) => event);
}

function stableText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableText).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, part]) => part !== undefined);
    const sorted = entries.sort(([a], [b]) => compareText(a, b));
    return `{${sorted.map(([key, part]) => `${JSON.stringify(key)}:${stableText(part)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

function take(facts: Facts, event: TelemetryEvent): void {
  switch (event.kind) {
    case "process.start":
      takeStart(facts, event);
      return;
    case "process.exec": {
      // Exec in place keeps the identity; events come in time order, so the last image stays.
      const process = processOf(facts, event.process);
      process.isSeen = true;
      process.image = event.image;
      process.argv = event.argv;
      process.cwd = event.cwd ?? process.cwd;
      return;
    }
    case "process.exit": {
      const process = processOf(facts, event.process);
      process.endedAt ??= event.at;
      return;
    }
    case "file":
      takeFile(facts, event);
      return;
    case "persistence":
      takePersistence(facts, event);
      return;
    case "network":
      processOf(facts, event.process);
      facts.connections.push({
        process: keyText(event.process),
        remote: event.remote,
        at: event.at,
        quality: event.quality,
      });
      return;
    case "gap":
      facts.gaps.push({ reason: event.reason, at: event.at, until: event.until, lost: event.lost ?? null });
      return;
  }
}

function takeStart(facts: Facts, event: Extract<TelemetryEvent, { kind: "process.start" }>): void {
  const process = processOf(facts, event.process);
  // The earliest sight names the true parent: later ones may show who took over an orphan.
  if (!process.isSeen || process.parent.kind === "not-observed") {
    if (event.parent.kind !== "not-observed" || !process.isSeen) process.parent = event.parent;
  }
  process.quality = process.isSeen ? betterQuality(process.quality, event.quality) : event.quality;
  process.isSeen = true;
  process.startedAt ??= event.at;
  process.image ??= event.image ?? null;
  process.argv ??= event.argv ?? null;
  process.cwd ??= event.cwd ?? null;
  process.user ??= event.user ?? null;
}

function takeFile(facts: Facts, event: Extract<TelemetryEvent, { kind: "file" }>): void {
  rememberFile(facts, event.path, { at: event.at, sha256: event.op === "rename" ? null : (event.sha256 ?? null) });
  if (event.process !== null) processOf(facts, event.process);
  if (event.op === "rename") {
    rememberFile(facts, event.to, { at: event.at, sha256: null });
    facts.renames.push({ from: event.path, to: event.to, at: event.at, quality: event.quality });
  }
  if (event.process === null) return;
  const path = event.op === "rename" ? event.to : event.path;
  const touch = { process: keyText(event.process), path, at: event.at, quality: event.quality };
  (event.op === "read" ? facts.reads : facts.writes).push(touch);
}

function takePersistence(facts: Facts, event: Extract<TelemetryEvent, { kind: "persistence" }>): void {
  let entry = facts.persistence.find((known) => known.path === event.path && known.line === event.line);
  if (entry === undefined) {
    entry = { path: event.path, line: event.line, at: event.at, quality: event.quality, writers: [] };
    facts.persistence.push(entry);
  }
  entry.quality = betterQuality(entry.quality, event.quality);
  if (event.process === null) return;
  processOf(facts, event.process);
  entry.writers.push({ process: keyText(event.process), at: event.at, quality: event.quality });
}

function rememberFile(facts: Facts, path: string, seen: { at: string; sha256: string | null }): void {
  const known = facts.files.get(path);
  if (known === undefined) facts.files.set(path, { ...seen });
  else known.sha256 = seen.sha256 ?? known.sha256;
}

function processOf(facts: Facts, key: ProcessKey): ProcessFact {
  const text = keyText(key);
  const known = facts.processes.get(text);
  if (known !== undefined) return known;
  const made: ProcessFact = {
    key,
    image: null,
    argv: null,
    cwd: null,
    user: null,
    startedAt: null,
    endedAt: null,
    quality: "inferred",
    parent: { kind: "not-observed", reason: "Nothing was seen of this process but that another event names it." },
    isSeen: false,
  };
  facts.processes.set(text, made);
  return made;
}

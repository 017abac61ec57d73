// Heartbeats: what a product says of itself, and what its silence means.
// I1  Only the portal's clock judges liveness; a product's own time is shown, never used.
// I2  Silence counts only while a status server was serving: the portal's absence is nobody's fault.
// I3  A repeated (start, counter) with the same content is a retry and changes nothing; with other content it is refused.
//     This holds for the start in force and for those before it: a late copy must not bring an old start back.
// I4  Of a start that is not in force nothing is taken but that it spoke.

import { type ArrivingStart, type Judgement, judgeStart, type KnownStart, type StartWatch } from "@tms/link/upper";
import type { Liveness, ProductId } from "@tms/records";
import type { Directive, DirectiveOutcome, Ledger } from "./ledger.ts";

export interface ReadinessReason {
  code: string;
  text: string;
}

export interface Readiness {
  ok: boolean;
  reasons: ReadinessReason[];
}

/** When logs leave, as the product says it, by its own clock (I1). */
export interface SendSchedule {
  /** 0 = at once. */
  everyMinutes: number;
  nextAt: Date | null;
  lastRun: { startedAt: Date; endedAt: Date | null; ok: boolean; code: string | null } | null;
}

/** One heartbeat as it arrived, already checked in form. */
export interface Heartbeat {
  start: string;
  earlierStarts: string[];
  counter: number;
  challenge: string | null;
  version: string;
  host: string;
  instanceId: string;
  localTime: Date;
  ready: Readiness;
  sending: "on" | "disabled";
  agents: number | null;
  ledgers: Ledger[];
  /** null = it did not say. */
  schedule: SendSchedule | null;
  /** What it trusts the portal by; null = it did not say. */
  trust: TrustReport | null;
  outcomes: DirectiveOutcome[];
}

/** By what a product knows the portal. */
export interface TrustReport {
  caPins: string[];
  sshHostKeys: string[];
}

/** Three intervals without a heartbeat of the start in force: then a restored backup takes over. */
const RESTORE_AFTER_INTERVALS = 3;

/** Decides what an arriving heartbeat is in the light of the last ones (architecture, section 5; link: judge-start.ts). */
export function acceptanceOf(
  known: KnownStart | null,
  arriving: ArrivingStart,
  { rules = DEFAULT_SILENCE_RULES, ...time }: { nowMs: number; newChallenge: string; rules?: SilenceRules },
): Judgement {
  const silenceMs = RESTORE_AFTER_INTERVALS * rules.heartbeatIntervalMs;
  return judgeStart(known, arriving, { ...time, silenceMs });
}

/** Longer than any long poll: a product with a longer interval is asked to pause between two. */
const LONGEST_WAIT_MS = 50_000;
/** The pause between two long polls, unless the interval is longer than one. */
const PAUSE_MS = 1_000;

/**
 * How long a heartbeat is held at most and how long the product then pauses, so that one comes in each interval, with a
 * tenth of it to spare. Up to the default of a minute the product waits for news nearly all the time.
 */
export function rhythmOf({ heartbeatIntervalMs }: SilenceRules): { waitMs: number; pauseMs: number } {
  const cycleMs = heartbeatIntervalMs * 0.9;
  const waitMs = Math.min(LONGEST_WAIT_MS, cycleMs - PAUSE_MS);
  const isLong = heartbeatIntervalMs > DEFAULT_SILENCE_RULES.heartbeatIntervalMs;
  return { waitMs, pauseMs: isLong ? cycleMs - waitMs : PAUSE_MS };
}

/** A time in which at least one status server was serving. */
export interface ServingPeriod {
  since: Date;
  until: Date;
}

export interface SilenceRules {
  heartbeatIntervalMs: number;
  offlineAfterMs: number;
}

/** The defaults of domain.md, section 3: 60 s between heartbeats, offline after half an hour. */
export const DEFAULT_SILENCE_RULES: SilenceRules = { heartbeatIntervalMs: 60_000, offlineAfterMs: 30 * 60_000 };

/** A customer's own, over the defaults. */
export function silenceRulesOf(own: {
  intervalSeconds?: number | undefined;
  offlineAfterMinutes?: number | undefined;
}): SilenceRules {
  const { heartbeatIntervalMs, offlineAfterMs } = DEFAULT_SILENCE_RULES;
  return {
    heartbeatIntervalMs: own.intervalSeconds === undefined ? heartbeatIntervalMs : own.intervalSeconds * 1000,
    offlineAfterMs: own.offlineAfterMinutes === undefined ? offlineAfterMs : own.offlineAfterMinutes * 60_000,
  };
}

const LATE_AFTER_INTERVALS = 2;
const OFFLINE_AFTER_INTERVALS = 3;

/** Judges a product's silence by the portal's clock alone. */
export function livenessOf(
  lastSeenAt: Date | null,
  time: { now: Date; serving: readonly ServingPeriod[] },
  rules: SilenceRules = DEFAULT_SILENCE_RULES,
): Liveness {
  if (lastSeenAt === null) return "awaited";
  const { lateAfterMs, offlineAfterMs } = thresholdsOf(rules);
  const countedMs = servedMs({ since: lastSeenAt, until: time.now }, time.serving);
  if (countedMs > offlineAfterMs) return "offline";
  if (countedMs > lateAfterMs) return "late";
  const silentMs = time.now.getTime() - lastSeenAt.getTime();
  return silentMs > lateAfterMs ? "portal-away" : "online";
}

/** After how much counted silence a product is late, and offline. */
export function thresholdsOf(rules: SilenceRules): { lateAfterMs: number; offlineAfterMs: number } {
  return {
    lateAfterMs: rules.heartbeatIntervalMs * LATE_AFTER_INTERVALS,
    offlineAfterMs: Math.max(rules.heartbeatIntervalMs * OFFLINE_AFTER_INTERVALS, rules.offlineAfterMs),
  };
}

/** How much of a span was served; periods of several nodes may overlap and count once. */
export function servedMs(span: ServingPeriod, serving: readonly ServingPeriod[]): number {
  const ordered = serving
    .map((period) => ({
      from: Math.max(period.since.getTime(), span.since.getTime()),
      to: Math.min(period.until.getTime(), span.until.getTime()),
    }))
    .filter((period) => period.to > period.from)
    .sort((one, other) => one.from - other.from);
  let counted = 0;
  let reached = Number.NEGATIVE_INFINITY;
  for (const period of ordered) {
    counted += Math.max(0, period.to - Math.max(period.from, reached));
    reached = Math.max(reached, period.to);
  }
  return counted;
}

/** What the portal knows of a product from its heartbeats alone. */
export interface HeartbeatFacts {
  product: ProductId;
  version: string;
  host: string;
  address: string;
  ready: Readiness;
  readySince: Date;
  sending: "on" | "disabled";
  sendingSince: Date;
  agents: number | null;
  clockOffsetMs: number | null;
  lastSeenAt: Date | null;
  schedule: SendSchedule | null;
  /** What tells one installation from its copy; null = kept by an older version. */
  watch: StartWatch | null;
}

export type { Directive, DirectiveOutcome, Ledger };

// A case: what the portal's experts are asked about, and whose turn it is.
// C1  Until a package is complete the mitigator says where collecting stands; from `new` on the portal does.
// C2  No step leads back but the opening anew after a cleanup that did not succeed.
// C3  Every change rises the change number, by which the mitigator asks for what is new.

import {
  assertNever,
  type CaseId,
  type CaseState,
  type CustomerId,
  type DeploymentState,
  type EndpointId,
  type PatternId,
  type ProductId,
  type RecordId,
  type ThreatId,
  type Turn,
} from "@tms/records";

export const REPORTED_STATES = [
  "submitted",
  "collecting",
  "endpoint-away",
  "package-uploading",
  "package-failed",
  "withdrawn",
] as const satisfies readonly CaseState[];
export type ReportedState = (typeof REPORTED_STATES)[number];

/** What a mitigator says when it opens a case or reports about it. */
export interface CaseReport {
  endpoint: EndpointId;
  host: string;
  threats: ThreatId[];
  events: RecordId[];
  note: string;
  openedBy: string;
  openedAt: Date;
  state: ReportedState;
}

export interface Case extends Omit<CaseReport, "state"> {
  id: CaseId;
  customer: CustomerId;
  number: number;
  product: ProductId;
  state: CaseState;
  stateSince: Date;
  changeNumber: number;
  updatedAt: Date;
  takenBy: string | null;
  pattern: { id: PatternId; version: number } | null;
}

export function caseShortId(number: number): string {
  return `C-${number}`;
}

/** Whether a report is about the same case: what was asked never changes under one id. */
export function isSameQuestion(known: Case, report: CaseReport, product: ProductId): boolean {
  return (
    known.product === product &&
    known.endpoint === report.endpoint &&
    known.note === report.note &&
    known.openedBy === report.openedBy &&
    known.openedAt.getTime() === report.openedAt.getTime() &&
    [...known.threats].sort().join() === [...report.threats].sort().join()
  );
}

export type CaseStep =
  | { kind: "reported"; state: ReportedState }
  | { kind: "upload-begun" }
  | { kind: "package-complete" }
  | { kind: "package-failed" }
  | { kind: "downloaded" }
  | { kind: "drafted" }
  | { kind: "signature-given" }
  | { kind: "issued" }
  | { kind: "result"; result: Extract<DeploymentState, "succeeded" | "partially" | "failed"> }
  | { kind: "closed-as-clean" };

const BEFORE_PACKAGE: readonly CaseState[] = [
  "submitted",
  "collecting",
  "endpoint-away",
  "package-uploading",
  "package-failed",
];
const ENDED: readonly CaseState[] = ["closed", "closed-as-clean", "withdrawn"];

/** The state after a step; null where the step changes nothing. */
export function stateAfter(state: CaseState, step: CaseStep): CaseState | null {
  if (ENDED.includes(state)) return null;
  const next = goalOf(state, step);
  return next === state ? null : next;
}

function goalOf(state: CaseState, step: CaseStep): CaseState | null {
  switch (step.kind) {
    case "reported":
      return step.state === "withdrawn" || BEFORE_PACKAGE.includes(state) ? step.state : null;
    case "upload-begun":
      return BEFORE_PACKAGE.includes(state) ? "package-uploading" : null;
    case "package-failed":
      return BEFORE_PACKAGE.includes(state) ? "package-failed" : null;
    case "package-complete":
      return BEFORE_PACKAGE.includes(state) ? "new" : null;
    case "downloaded":
      return state === "new" ? "package-downloaded" : null;
    case "drafted":
    case "signature-given":
      return state === "deploying" ? null : "waits-for-signature";
    case "issued":
      return "deploying";
    case "result":
      // A result belongs to a deployment; without one running it is old news.
      if (state !== "deploying") return null;
      return step.result === "succeeded" ? "closed" : "in-analysis";
    case "closed-as-clean":
      return "closed-as-clean";
    default:
      return assertNever(step);
  }
}

/** Whose turn it is, for an expert who looks. */
export function turnOf(state: CaseState): Turn {
  switch (state) {
    case "new":
    case "package-downloaded":
    case "in-analysis":
    case "waits-for-signature":
      return "you";
    case "submitted":
    case "collecting":
    case "endpoint-away":
    case "package-uploading":
    case "regular-pattern-named":
    case "deploying":
      return "endpoint";
    case "package-failed":
      return "other-person";
    case "closed":
    case "closed-as-clean":
    case "withdrawn":
      return "nobody";
    default:
      return assertNever(state);
  }
}

/** The states still ahead on the straight way; shown dotted. */
const STRAIGHT_WAY: readonly CaseState[] = [
  "submitted",
  "collecting",
  "package-uploading",
  "new",
  "package-downloaded",
  "waits-for-signature",
  "deploying",
  "closed",
];

export function stepsAhead(state: CaseState): CaseState[] {
  if (ENDED.includes(state)) return [];
  const standing: Partial<Record<CaseState, CaseState>> = {
    "endpoint-away": "collecting",
    "package-failed": "collecting",
    "in-analysis": "package-downloaded",
    "regular-pattern-named": "deploying",
  };
  return STRAIGHT_WAY.slice(STRAIGHT_WAY.indexOf(standing[state] ?? state) + 1);
}

export interface TimelineEntry {
  at: Date;
  state: CaseState | null;
  text: string;
  who: string;
  detail: string | null;
}

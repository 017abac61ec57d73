import type { CaseId, ChainId, EndpointId, PackageId, PatternId, RecordId, Sha256, ThreatId } from "./ids.ts";
import type { MitigationStatus } from "./mitigation-status.ts";
import type { DeploymentState } from "./states.ts";

/** The streams of `link/1`; each numbers its records on its own. */
export const STREAMS = ["threat-events", "root-cause", "audit"] as const;
export type Stream = (typeof STREAMS)[number];

export const SEVERITIES = ["info", "low", "medium", "high", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What one entry of the threat event log tells. */
export const THREAT_EVENT_KINDS = [
  "detection",
  "assessment",
  "forensics",
  "deployment",
  "cleanup",
  "rollback",
] as const;
export type ThreatEventKind = (typeof THREAT_EVENT_KINDS)[number];

export const MITIGATION_SOURCES = ["agent", "on-demand-scan", "data-source", "portal"] as const;
export type MitigationSource = (typeof MITIGATION_SOURCES)[number];

/** How a pattern acts; a closed set, and there is no shell among them (architecture, section 8). */
export const VERBS = ["process.kill", "persist.removeLine", "file.quarantine", "verify"] as const;
export type Verb = (typeof VERBS)[number];

export const STEP_OUTCOMES = ["done", "nothing-to-do", "failed", "refused", "undone"] as const;
export type StepOutcome = (typeof STEP_OUTCOMES)[number];

export interface StepResult {
  step: string;
  verb: Verb;
  /** What was touched, as text for people: a path, or `pid 412 (upd-helper)`. */
  target: string;
  outcome: StepOutcome;
  /** The error code of a failed or refused step. */
  code?: string | undefined;
}

export interface DetectedThreat {
  /** The rule's own title, never a malware name that somebody else gave. */
  name: string;
  ruleId: string;
  severity: Severity;
  severityReason: string;
  /** ATT&CK technique ids, where evident. */
  techniques?: string[] | undefined;
}

export interface ThreatFile {
  path: string;
  sha256: Sha256;
  sizeBytes: number;
}

export interface PatternRef {
  kind: "regular" | "custom";
  id: PatternId;
  version: number;
}

/** The body of a record of the stream `threat-events`. */
export interface ThreatEventBody {
  /** The same in every event about one threat on one endpoint. */
  threatId: ThreatId;
  threat: DetectedThreat;
  status: MitigationStatus;
  source: MitigationSource;
  /** The endpoint's own name for itself; never an identity. */
  host: string;
  file?: ThreatFile | undefined;
  /** How many of each are part of the threat, as the assessment counted them. */
  parts?: { processes: number; files: number; persistence: number } | undefined;
  chain?: ChainId | undefined;
  pattern?: PatternRef | undefined;
  case?: CaseId | undefined;
  forensicPackage?: { id: PackageId; sha256: Sha256; sizeBytes: number } | undefined;
  deployment?: { state: DeploymentState; steps: StepResult[]; undo: "possible" | "done" | "none" } | undefined;
  /** A sentence for people where the status alone does not say why. */
  detail?: string | undefined;
}

/** When the mitigator passed a record on, and how far the endpoint's clock was from its own then. */
export interface Relay {
  receivedAt: string;
  /** Endpoint minus mitigator, in milliseconds. */
  clockOffsetMs: number;
}

/**
 * One record on its way up. `id` is made by the originator and never changes; `occurredAt` keeps the originator's
 * RFC 3339 text; `endpoint` is set anew at each hop from the authenticated key.
 */
export interface LinkRecord<Kind extends string = string, Body = unknown> {
  id: RecordId;
  endpoint: EndpointId;
  occurredAt: string;
  kind: Kind;
  body: Body;
  relay?: Relay | undefined;
}

export type ThreatEventRecord = LinkRecord<ThreatEventKind, ThreatEventBody>;

import type { CaseId, CaseState, EndpointId, MitigationStatus, ThreatId } from "@tms/records";

/** What a person would do now. */
export type TaskKind = "run-cleanup" | "custom-cleanup" | "restart" | "scan-again" | "submit-case";

export interface ThreatFacts {
  threat: ThreatId;
  endpoint: EndpointId;
  status: MitigationStatus;
  openCase: { id: CaseId; shortId: string | null; state: CaseState } | null;
  /** A verified custom pattern waits for the order to run. */
  waitsForOrder: boolean;
}

/** The task of a threat; null when nobody at this site has anything to do. */
export function taskOf(facts: ThreatFacts): TaskKind | null {
  if (facts.waitsForOrder) return "custom-cleanup";
  switch (facts.status) {
    case "manual-cleanup-needed":
      return "run-cleanup";
    case "waiting-for-restart":
      return "restart";
    case "timeout":
    case "cannot-connect":
    case "pattern-corrupted":
      return "scan-again";
    case "unresolved-threats-remain":
    case "cleanup-failed":
    case "forensic-upload-failed":
    case "rollback-unsuccessful":
    case "mitigation-exception":
      // Once a case is open it is the portal's turn.
      return facts.openCase === null ? "submit-case" : null;
    case "queued":
    case "assessing":
    case "cleaning":
    case "all-threats-resolved":
    case "endpoint-security-took-action":
    case "threat-no-longer-exists":
    case "potential-threat-resolved":
    case "no-threat-found":
    case "rollback-successful":
      return null;
  }
}

const IN_MITIGATION: readonly MitigationStatus[] = ["queued", "assessing", "cleaning"];

export interface TaskCounts {
  requireCleanup: number;
  requireCustomCleanup: number;
  requireRestart: number;
  scanProblems: number;
  unresolvedSubmitCase: number;
  inMitigation: number;
}

export function countTasks(all: readonly ThreatFacts[]): TaskCounts {
  const kinds = all.map(taskOf);
  const of = (kind: TaskKind) => kinds.filter((one) => one === kind).length;
  return {
    requireCleanup: of("run-cleanup"),
    requireCustomCleanup: of("custom-cleanup"),
    requireRestart: of("restart"),
    scanProblems: of("scan-again"),
    unresolvedSubmitCase: of("submit-case"),
    inMitigation: all.filter((facts) => IN_MITIGATION.includes(facts.status) && !facts.waitsForOrder).length,
  };
}

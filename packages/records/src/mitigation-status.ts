import type { StillShape, Tone } from "./tone.ts";

export const MITIGATION_STATUSES = [
  "queued",
  "assessing",
  "cleaning",
  "waiting-for-restart",
  "all-threats-resolved",
  "endpoint-security-took-action",
  "threat-no-longer-exists",
  "potential-threat-resolved",
  "no-threat-found",
  "manual-cleanup-needed",
  "mitigation-exception",
  "timeout",
  "cannot-connect",
  "cleanup-failed",
  "unresolved-threats-remain",
  "pattern-corrupted",
  "forensic-upload-failed",
  "rollback-successful",
  "rollback-unsuccessful",
] as const;
export type MitigationStatus = (typeof MITIGATION_STATUSES)[number];

export type MitigationGroup =
  | "in progress"
  | "resolved"
  | "scanned"
  | "assessed"
  | "no mitigation"
  | "unsuccessful"
  | "rollback";

export interface MitigationStatusRow {
  group: MitigationGroup;
  text: string;
  needsAction: boolean;
  recommendedAction: string;
  tone: Tone;
  still?: StillShape;
}

/** The one table of mitigation statuses; whatever shows a status reads it from here (domain, section 3). */
export const MITIGATION_STATUS_TABLE: Record<MitigationStatus, MitigationStatusRow> = {
  queued: row("in progress", "Queued", "move", "Nothing to do: the task starts by itself."),
  assessing: row("in progress", "Assessing", "move", "Nothing to do: the result arrives by itself."),
  cleaning: row("in progress", "Cleaning", "move", "Nothing to do: the result arrives by itself."),
  "waiting-for-restart": action(
    "in progress",
    "Waiting for restart",
    "wait",
    "Restart the endpoint, then look at its result.",
  ),
  "all-threats-resolved": row("resolved", "All threats resolved", "ok", "Nothing to do."),
  "endpoint-security-took-action": row("resolved", "Endpoint security software took action", "ok", "Nothing to do."),
  "threat-no-longer-exists": row("resolved", "Threat no longer exists", "ok", "Nothing to do."),
  "potential-threat-resolved": row("resolved", "Potential threat resolved", "ok", "Nothing to do: it was proved safe."),
  "no-threat-found": row("scanned", "No threat found", "ok", "Nothing to do."),
  "manual-cleanup-needed": action("assessed", "Manual cleanup needed", "wait", "Run Cleanup on this endpoint."),
  "mitigation-exception": {
    group: "no mitigation",
    text: "Mitigation exception",
    needsAction: true,
    recommendedAction: "Take the endpoint off the mitigation exceptions, mitigate, then put it back.",
    tone: "still",
    still: "paused",
  },
  timeout: action("unsuccessful", "Timeout", "fail", "Check that the endpoint is up, then run the task again."),
  "cannot-connect": action(
    "unsuccessful",
    "Cannot connect to endpoint",
    "fail",
    "Connect the endpoint, then run the task again.",
  ),
  "cleanup-failed": action(
    "unsuccessful",
    "Cleanup failed",
    "fail",
    "Open the failed step, remove its cause, then run the cleanup again.",
  ),
  "unresolved-threats-remain": action(
    "unsuccessful",
    "Unresolved threats remain",
    "fail",
    "Submit a case to the portal.",
  ),
  "pattern-corrupted": action(
    "unsuccessful",
    "Pattern corrupted",
    "fail",
    "Let the mitigator fetch the pattern again, then deploy it again.",
  ),
  "forensic-upload-failed": action(
    "unsuccessful",
    "Forensic upload failed",
    "fail",
    "Check the line to the portal, then collect the package again.",
  ),
  "rollback-successful": row(
    "rollback",
    "Rollback successful",
    "ok",
    "Nothing to do: the endpoint is as it was before the cleanup.",
  ),
  "rollback-unsuccessful": action(
    "rollback",
    "Rollback unsuccessful",
    "fail",
    "Open the failed step and restore that object by hand.",
  ),
};

function row(group: MitigationGroup, text: string, tone: Tone, recommendedAction: string): MitigationStatusRow {
  return { group, text, needsAction: false, recommendedAction, tone };
}

function action(group: MitigationGroup, text: string, tone: Tone, recommendedAction: string): MitigationStatusRow {
  return { group, text, needsAction: true, recommendedAction, tone };
}

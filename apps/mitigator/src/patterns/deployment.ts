import type {
  CaseId,
  ChainId,
  DeploymentState,
  DetectedThreat,
  DirectiveId,
  EndpointId,
  MitigationStatus,
  PatternId,
  RecordId,
  Sha256,
  StepResult,
  ThreatEventRecord,
  ThreatFile,
  ThreatId,
} from "@tms/records";

/** What our own events about a deployment are about: the threat as the endpoint reported it. */
export interface DeploymentSubject {
  threatId: ThreatId;
  threat: DetectedThreat;
  host: string;
  file: ThreatFile | undefined;
  chain: ChainId | undefined;
  case: CaseId | undefined;
}

/** One custom pattern on its way to one endpoint of ours. */
export interface Deployment {
  pattern: PatternId;
  version: number;
  endpoint: EndpointId;
  path: string;
  sha256: Sha256;
  title: string;
  subject: DeploymentSubject;
  state: DeploymentState;
  stateSince: Date;
  downloadedAt: Date | null;
  appliedAt: Date | null;
  steps: readonly StepResult[];
  undo: "possible" | "done" | "none";
  directive: DirectiveId;
  orderedBy: string | null;
}

export interface DeploymentKey {
  pattern: PatternId;
  version: number;
  endpoint: EndpointId;
}

/** States that the mitigator reaches by itself; what follows is told by the agent. */
export type OwnDeploymentState =
  | "downloaded-by-mitigator"
  | "verified"
  | "waits-for-order"
  | "sent-to-agent"
  | "failed";

const OWN_STATUS: Record<Exclude<OwnDeploymentState, "failed">, MitigationStatus> = {
  "downloaded-by-mitigator": "queued",
  verified: "queued",
  "waits-for-order": "manual-cleanup-needed",
  "sent-to-agent": "queued",
};

/** The threat event that tells a step of the mitigator's own. */
export function deploymentEvent(
  deployment: Pick<Deployment, "pattern" | "version" | "endpoint" | "subject">,
  told: { id: RecordId; state: OwnDeploymentState; at: Date; failure?: { code: string } },
): ThreatEventRecord {
  const { subject, pattern, version, endpoint } = deployment;
  const code = told.failure?.code ?? "";
  return {
    id: told.id,
    endpoint,
    occurredAt: told.at.toISOString(),
    kind: "deployment",
    body: {
      threatId: subject.threatId,
      threat: subject.threat,
      status: told.state === "failed" ? failureStatus(code) : OWN_STATUS[told.state],
      source: "portal",
      host: subject.host,
      ...(subject.file === undefined ? {} : { file: subject.file }),
      ...(subject.chain === undefined ? {} : { chain: subject.chain }),
      ...(subject.case === undefined ? {} : { case: subject.case }),
      pattern: { kind: "custom", id: pattern, version },
      deployment: { state: told.state, steps: [], undo: "none" },
      ...(told.failure === undefined ? {} : { detail: `The order ended with ${code}.` }),
    },
  };
}

function failureStatus(code: string): MitigationStatus {
  if (code === "directive.expired") return "cannot-connect";
  return code.startsWith("pattern.") ? "pattern-corrupted" : "cleanup-failed";
}

const APPLIED: readonly DeploymentState[] = ["succeeded", "partially"];

/** A deployment after what its agent told; null if the record is not about it. */
export function afterRecord(deployment: Deployment, record: ThreatEventRecord, receivedAt: Date): Deployment | null {
  const told = record.body.deployment;
  if (told === undefined) return null;
  const moved = told.state !== deployment.state;
  return {
    ...deployment,
    state: told.state,
    stateSince: moved ? receivedAt : deployment.stateSince,
    appliedAt: APPLIED.includes(told.state) ? (deployment.appliedAt ?? receivedAt) : deployment.appliedAt,
    steps: told.steps.length > 0 ? told.steps : deployment.steps,
    undo: told.undo,
  };
}

import type { MitigatorDeployment } from "@tms/contracts/mitigator";
import type { Deployment } from "./deployment.ts";

/** A deployment as the console reads it. */
export function deploymentToWire(deployment: Deployment): MitigatorDeployment {
  return {
    pattern: deployment.pattern,
    version: deployment.version,
    title: deployment.title,
    endpoint: deployment.endpoint,
    host: deployment.subject.host,
    state: deployment.state,
    stateSince: deployment.stateSince.toISOString(),
    downloadedByMitigatorAt: deployment.downloadedAt?.toISOString() ?? null,
    appliedOnEndpointAt: deployment.appliedAt?.toISOString() ?? null,
    steps: [...deployment.steps],
    undo: deployment.undo,
  };
}

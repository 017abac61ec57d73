import type { PatternDetail } from "@tms/contracts/portal";
import type { Deployment } from "./deployment.ts";

/** A deployment as a pattern's page shows it. */
export function deploymentView(deployment: Deployment): PatternDetail["deployments"][number] {
  return {
    endpoint: deployment.endpoint,
    host: deployment.host,
    state: deployment.state,
    stateSince: deployment.stateSince.toISOString(),
    downloadedByMitigatorAt: deployment.downloadedAt?.toISOString() ?? null,
    appliedOnEndpointAt: deployment.appliedAt?.toISOString() ?? null,
    steps: deployment.steps,
    undo: deployment.undo,
  };
}

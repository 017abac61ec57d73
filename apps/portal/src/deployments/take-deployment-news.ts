import type { CustomerScope, LinkRecord, ProductId, ThreatEventBody } from "@tms/records";
import { afterNews, type Deployment, type DeploymentNews, isResult } from "./deployment.ts";

export interface DeploymentNewsStore {
  /**
   * Locks the deployment, applies `work` and marks the record as seen, in one transaction.
   *
   * @returns The deployment after it; null if this product has none or the record was seen before.
   */
  apply(
    scope: CustomerScope,
    news: DeploymentNews,
    work: (known: Deployment) => Deployment,
  ): Promise<Deployment | null>;
  find(scope: CustomerScope, news: DeploymentNews): Promise<Deployment | null>;
}

/** Takes what the records of a batch say about deployments, idempotent by record id. */
export function createTakeDeploymentNews(deps: {
  deployments: DeploymentNewsStore;
  /** A result is the case's result; telling it twice changes nothing there. */
  onResult(scope: CustomerScope, deployment: Deployment): Promise<void>;
}) {
  return async function takeDeploymentNews(
    scope: CustomerScope,
    product: ProductId,
    records: readonly LinkRecord[],
  ): Promise<void> {
    for (const news of records.flatMap((record) => newsOf(record, product))) {
      const applied = await deps.deployments.apply(scope, news, (known) => afterNews(known, news));
      // After a crash between the two, the record is seen but its case was not told: so the case is told either way.
      const standing = applied ?? (await deps.deployments.find(scope, news));
      if (standing !== null && isResult(standing.state) && isResult(news.state)) await deps.onResult(scope, standing);
    }
  };
}

const KINDS = ["deployment", "cleanup", "rollback"];

function newsOf(record: LinkRecord, product: ProductId): DeploymentNews[] {
  if (!KINDS.includes(record.kind)) return [];
  const body = record.body as ThreatEventBody;
  if (body.deployment === undefined || body.pattern?.kind !== "custom") return [];
  return [
    {
      record: record.id,
      product,
      patternId: body.pattern.id,
      patternVersion: body.pattern.version,
      endpoint: record.endpoint,
      host: body.host,
      state:
        record.kind === "rollback" && body.status === "rollback-successful" ? "rolled-back" : body.deployment.state,
      occurredAt: new Date(record.occurredAt),
      steps: body.deployment.steps,
      undo: body.deployment.undo,
    },
  ];
}

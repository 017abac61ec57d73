// Deployments: one pattern on its way to one endpoint, told by the records that come back.
// D1  States only advance: records may come late, twice or out of order.
// D2  "Downloaded by the mitigator" and "applied on the endpoint" are two facts, each with its own time.

import type { CaseId, DeploymentState, EndpointId, PatternId, ProductId, RecordId, StepResult } from "@tms/records";

export interface Deployment {
  patternId: PatternId;
  patternVersion: number;
  endpoint: EndpointId;
  caseId: CaseId | null;
  host: string;
  state: DeploymentState;
  stateSince: Date;
  downloadedAt: Date | null;
  appliedAt: Date | null;
  steps: StepResult[];
  undo: "possible" | "done" | "none";
}

/** What a record of kind deployment, cleanup or rollback says. */
export interface DeploymentNews {
  record: RecordId;
  /** Who tells it: it counts only for the product's own endpoints. */
  product: ProductId;
  patternId: PatternId;
  patternVersion: number;
  endpoint: EndpointId;
  host: string;
  state: DeploymentState;
  occurredAt: Date;
  steps: StepResult[];
  undo: "possible" | "done" | "none";
}

const RANK: Record<DeploymentState, number> = {
  assigned: 0,
  "mitigator-notified": 1,
  "downloaded-by-mitigator": 2,
  verified: 3,
  "waits-for-order": 4,
  "endpoint-away": 5,
  "sent-to-agent": 6,
  "verified-by-agent": 7,
  "cleanup-running": 8,
  failed: 9,
  partially: 9,
  succeeded: 9,
  "rolled-back": 10,
};

export const RESULTS = ["succeeded", "partially", "failed"] as const satisfies readonly DeploymentState[];
export type Result = (typeof RESULTS)[number];

export function isResult(state: DeploymentState): state is Result {
  return RESULTS.some((result) => result === state);
}

/** The deployment after a piece of news; a later result (a cleanup that ran again) replaces an earlier one. */
export function afterNews(known: Deployment, news: DeploymentNews): Deployment {
  const advances =
    RANK[news.state] > RANK[known.state] ||
    (isResult(news.state) && isResult(known.state) && news.occurredAt > known.stateSince);
  const isDownload = news.state === "downloaded-by-mitigator";
  const isApplied = news.state === "succeeded" || news.state === "partially";
  return {
    ...known,
    host: news.host,
    state: advances ? news.state : known.state,
    stateSince: advances ? news.occurredAt : known.stateSince,
    downloadedAt: known.downloadedAt ?? (isDownload ? news.occurredAt : null),
    appliedAt: known.appliedAt ?? (isApplied ? news.occurredAt : null),
    steps: advances && news.steps.length > 0 ? news.steps : known.steps,
    undo: advances ? news.undo : known.undo,
  };
}

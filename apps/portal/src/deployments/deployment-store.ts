import type {
  CaseId,
  CustomerScope,
  DeploymentState,
  EndpointId,
  PatternId,
  ProductId,
  StepResult,
} from "@tms/records";
import { type Databases, inCustomer } from "@tms/server-kit";
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Deployment, DeploymentNews } from "./deployment.ts";
import type { DeploymentNewsStore } from "./take-deployment-news.ts";

export interface PatternKey {
  id: PatternId;
  version: number;
}

export interface DeploymentStore extends DeploymentNewsStore {
  /** Assigns a pattern to its endpoints; those that are assigned already stay as they are. */
  assign(
    scope: CustomerScope,
    pattern: PatternKey,
    endpoints: readonly { endpoint: EndpointId; product: ProductId | null; host: string; caseId: CaseId | null }[],
  ): Promise<void>;
  /** The hint was given to the mitigator. */
  notified(scope: CustomerScope, pattern: PatternKey): Promise<void>;
  ofPattern(scope: CustomerScope, pattern: PatternKey): Promise<Deployment[]>;
}

export function createDeploymentStore(db: Databases): DeploymentStore {
  const keyOf = (scope: CustomerScope, pattern: PatternKey) =>
    sql`customer = ${scope.customer} and pattern_id = ${pattern.id} and pattern_version = ${pattern.version}`;
  const newsKey = (scope: CustomerScope, news: DeploymentNews) =>
    sql`${keyOf(scope, { id: news.patternId, version: news.patternVersion })} and endpoint = ${news.endpoint}
      and (product is null or product = ${news.product})`;
  return {
    assign: (scope, pattern, endpoints) =>
      inCustomer(db.app, scope, async (trx) => {
        for (const { endpoint, product, host, caseId } of endpoints) {
          await sql`insert into deployments_deployments (customer, pattern_id, pattern_version, endpoint, product,
              case_id, host, state)
            values (${scope.customer}, ${pattern.id}, ${pattern.version}, ${endpoint}, ${product}, ${caseId},
              ${host}, 'assigned')
            on conflict do nothing`.execute(trx);
        }
      }),
    notified: (scope, pattern) =>
      inCustomer(db.app, scope, async (trx) => {
        await sql`update deployments_deployments set state = 'mitigator-notified', state_since = now()
          where ${keyOf(scope, pattern)} and state = 'assigned'`.execute(trx);
      }),
    ofPattern: (scope, pattern) => inCustomer(db.app, scope, (trx) => select(trx, keyOf(scope, pattern))),
    find: async (scope, news) =>
      (await inCustomer(db.app, scope, (trx) => select(trx, newsKey(scope, news))))[0] ?? null,
    apply: (scope, news, work) =>
      inCustomer(db.app, scope, async (trx) => {
        const seen = await sql`insert into deployments_seen (customer, record)
          values (${scope.customer}, ${news.record}) on conflict do nothing returning record`.execute(trx);
        if (seen.rows.length === 0) return null;
        const key = newsKey(scope, news);
        const [known] = await select(trx, sql`${key} for update`);
        if (known === undefined) return null;
        const after = work(known);
        await sql`update deployments_deployments set product = ${news.product}, host = ${after.host}, state = ${after.state},
            state_since = ${after.stateSince}, downloaded_at = ${after.downloadedAt}, applied_at = ${after.appliedAt},
            steps = ${JSON.stringify(after.steps)}::jsonb, undo = ${after.undo} where ${key}`.execute(trx);
        return after;
      }),
  };
}

interface Row {
  pattern_id: PatternId;
  pattern_version: number;
  endpoint: EndpointId;
  case_id: CaseId | null;
  host: string;
  state: DeploymentState;
  state_since: Date;
  downloaded_at: Date | null;
  applied_at: Date | null;
  steps: StepResult[];
  undo: Deployment["undo"];
}

async function select(trx: Kysely<unknown>, condition: RawBuilder<unknown>): Promise<Deployment[]> {
  const { rows } = await sql<Row>`select pattern_id, pattern_version, endpoint, case_id, host, state, state_since,
      downloaded_at, applied_at, steps, undo from deployments_deployments where ${condition}`.execute(trx);
  return rows.map((row) => ({
    patternId: row.pattern_id,
    patternVersion: row.pattern_version,
    endpoint: row.endpoint,
    caseId: row.case_id,
    host: row.host,
    state: row.state,
    stateSince: row.state_since,
    downloadedAt: row.downloaded_at,
    appliedAt: row.applied_at,
    steps: row.steps,
    undo: row.undo,
  }));
}

import type {
  DeploymentState,
  DirectiveId,
  EndpointId,
  PatternId,
  Sha256,
  StepResult,
  ThreatEventRecord,
  ThreatId,
} from "@tms/records";
import { type Generated, type Kysely, sql } from "kysely";
import { storableJson } from "#app/storable-text.ts";
import type { Deployment, DeploymentKey, DeploymentSubject } from "./deployment.ts";

interface DeploymentTable {
  pattern: PatternId;
  version: number;
  endpoint: EndpointId;
  path: string;
  sha256: Sha256;
  title: string;
  host: string;
  threat: ThreatId;
  subject: DeploymentSubject;
  state: DeploymentState;
  state_since: Date;
  downloaded_at: Date | null;
  applied_at: Date | null;
  steps: readonly StepResult[];
  undo: Deployment["undo"];
  directive: DirectiveId;
  ordered_by: string | null;
}

export interface PatternTables {
  patterns_targets: { path: string; sha256: Sha256; refused: string | null; seen_at: Date };
  patterns_deployments: DeploymentTable;
  patterns_outbox: { id: Generated<string>; record: ThreatEventRecord; created_at: Date; passed_at: Date | null };
}

export interface OutboxRow {
  id: number;
  record: ThreatEventRecord;
  createdAt: Date;
}

export interface JudgedTarget {
  path: string;
  sha256: Sha256;
  refused: string | null;
}

export interface PatternStore {
  isJudged(path: string, sha256: Sha256): Promise<boolean>;
  /** The judgement, new deployments and their events, together; a deployment that exists stays as it is. */
  takeIn(
    target: JudgedTarget,
    fresh: readonly { deployment: Deployment; events: readonly ThreatEventRecord[] }[],
    now: Date,
  ): Promise<void>;
  /** Saves a deployment and what it has to tell, together. */
  save(deployment: Deployment, events: readonly ThreatEventRecord[]): Promise<void>;
  get(key: DeploymentKey): Promise<Deployment | null>;
  byDirective(id: DirectiveId): Promise<Deployment | null>;
  ofThreat(threat: ThreatId): Promise<Deployment | null>;
  inState(state: DeploymentState): Promise<Deployment[]>;
  hasTarget(endpoint: EndpointId, path: string): Promise<boolean>;
  list(page: { page: number; pageSize: number }): Promise<{ rows: Deployment[]; total: number }>;
  outbox(limit: number): Promise<OutboxRow[]>;
  passed(id: number, now: Date): Promise<void>;
}

const MAX_ROWS = 5000;

export function createPatternStore(db: Kysely<PatternTables>): PatternStore {
  const one = async (condition: ReturnType<typeof sql<boolean>>) => {
    const row = await db
      .selectFrom("patterns_deployments")
      .selectAll()
      .where(condition)
      .orderBy("state_since", "desc")
      .limit(1)
      .executeTakeFirst();
    return row === undefined ? null : deploymentOf(row);
  };
  return {
    isJudged: async (path, sha256) =>
      (await db
        .selectFrom("patterns_targets")
        .select("path")
        .where("path", "=", path)
        .where("sha256", "=", sha256)
        .executeTakeFirst()) !== undefined,
    takeIn: (target, fresh, now) => takeIn(db, { target, fresh, now }),
    save: (deployment, events) =>
      db.transaction().execute(async (trx) => {
        const { pattern, version, endpoint, ...changed } = columnsOf(deployment);
        await trx
          .updateTable("patterns_deployments")
          .set(changed)
          .where("pattern", "=", pattern)
          .where("version", "=", version)
          .where("endpoint", "=", endpoint)
          .execute();
        await tell(trx, events, deployment.stateSince);
      }),
    get: ({ pattern, version, endpoint }) =>
      one(sql<boolean>`pattern = ${pattern} and version = ${version} and endpoint = ${endpoint}`),
    byDirective: (id) => one(sql<boolean>`directive = ${id}`),
    ofThreat: (threat) => one(sql<boolean>`threat = ${threat}`),
    inState: async (state) =>
      (
        await db.selectFrom("patterns_deployments").selectAll().where("state", "=", state).limit(MAX_ROWS).execute()
      ).map(deploymentOf),
    hasTarget: async (endpoint, path) =>
      (await db
        .selectFrom("patterns_deployments")
        .select("path")
        .where("endpoint", "=", endpoint)
        .where("path", "=", path)
        .limit(1)
        .executeTakeFirst()) !== undefined,
    list: (page) => list(db, page),
    outbox: async (limit) => {
      const rows = await db
        .selectFrom("patterns_outbox")
        .selectAll()
        .where("passed_at", "is", null)
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map(({ id, record, created_at }) => ({ id: Number(id), record, createdAt: created_at }));
    },
    passed: async (id, now) => {
      await db.updateTable("patterns_outbox").set({ passed_at: now }).where("id", "=", String(id)).execute();
    },
  };
}

async function takeIn(
  db: Kysely<PatternTables>,
  taken: {
    target: JudgedTarget;
    fresh: readonly { deployment: Deployment; events: readonly ThreatEventRecord[] }[];
    now: Date;
  },
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx
      .insertInto("patterns_targets")
      .values({ ...taken.target, seen_at: taken.now })
      .onConflict((conflict) => conflict.columns(["path", "sha256"]).doNothing())
      .execute();
    for (const { deployment, events } of taken.fresh) {
      const inserted = await trx
        .insertInto("patterns_deployments")
        .values(columnsOf(deployment))
        .onConflict((conflict) => conflict.columns(["pattern", "version", "endpoint"]).doNothing())
        .returning("pattern")
        .executeTakeFirst();
      if (inserted !== undefined) await tell(trx, events, taken.now);
    }
  });
}

async function tell(trx: Kysely<PatternTables>, events: readonly ThreatEventRecord[], now: Date): Promise<void> {
  for (const record of events) {
    await trx
      .insertInto("patterns_outbox")
      .values({ record: storableJson(record), created_at: now })
      .execute();
  }
}

async function list(
  db: Kysely<PatternTables>,
  page: { page: number; pageSize: number },
): Promise<{ rows: Deployment[]; total: number }> {
  const counted = await db
    .selectFrom("patterns_deployments")
    .select(sql<string>`count(*)`.as("total"))
    .executeTakeFirstOrThrow();
  const rows = await db
    .selectFrom("patterns_deployments")
    .selectAll()
    .orderBy(sql`case state when 'waits-for-order' then 0 when 'failed' then 1 when 'partially' then 2 else 3 end`)
    .orderBy("state_since", "desc")
    .limit(page.pageSize)
    .offset((page.page - 1) * page.pageSize)
    .execute();
  return { rows: rows.map(deploymentOf), total: Number(counted.total) };
}

function columnsOf(deployment: Deployment): DeploymentTable {
  return {
    pattern: deployment.pattern,
    version: deployment.version,
    endpoint: deployment.endpoint,
    path: deployment.path,
    sha256: deployment.sha256,
    title: deployment.title,
    host: deployment.subject.host,
    threat: deployment.subject.threatId,
    subject: storableJson(deployment.subject),
    state: deployment.state,
    state_since: deployment.stateSince,
    downloaded_at: deployment.downloadedAt,
    applied_at: deployment.appliedAt,
    steps: storableJson(deployment.steps),
    undo: deployment.undo,
    directive: deployment.directive,
    ordered_by: deployment.orderedBy,
  };
}

function deploymentOf(row: DeploymentTable): Deployment {
  return {
    pattern: row.pattern,
    version: row.version,
    endpoint: row.endpoint,
    path: row.path,
    sha256: row.sha256,
    title: row.title,
    subject: row.subject,
    state: row.state,
    stateSince: row.state_since,
    downloadedAt: row.downloaded_at,
    appliedAt: row.applied_at,
    steps: row.steps,
    undo: row.undo,
    directive: row.directive,
    orderedBy: row.ordered_by,
  };
}

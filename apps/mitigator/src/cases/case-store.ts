import type {
  CaseId,
  CaseState,
  DirectiveId,
  EndpointId,
  PackageId,
  PatternId,
  RecordId,
  Sha256,
  ThreatId,
} from "@tms/records";
import { type Kysely, sql } from "kysely";
import { storableText } from "#app/storable-text.ts";
import { type Case, CLOSED_STATES, COLLECTING_STATES } from "./case.ts";

interface CaseTable {
  id: CaseId;
  short_id: string | null;
  endpoint: EndpointId;
  host: string;
  threat: ThreatId;
  events: RecordId[];
  note: string;
  opened_by: string;
  opened_at: Date;
  state: CaseState;
  state_since: Date;
  put_state: CaseState | null;
  change_number: string | number;
  pattern: PatternId | null;
  pattern_version: number | null;
  directive: DirectiveId;
  package: PackageId;
  package_sha256: Sha256 | null;
  package_bytes: string | number | null;
  package_recipients: string | null;
  package_received_at: Date | null;
  package_file: string | null;
  sent_bytes: string | number;
  forwarded_at: Date | null;
  last_error: string | null;
}

export interface CaseTables {
  cases_cases: CaseTable;
}

export interface PortalView {
  id: CaseId;
  shortId: string;
  state: CaseState;
  changeNumber: number;
  pattern: { id: PatternId; version: number } | null;
}

export interface CaseStore {
  /** @returns false if another case about the threat is open. */
  insert(one: Case): Promise<boolean>;
  get(id: CaseId): Promise<Case | null>;
  byPackage(id: PackageId): Promise<Case | null>;
  openOf(threat: ThreatId): Promise<Case | null>;
  latestOf(threat: ThreatId): Promise<Case | null>;
  list(page: { page: number; pageSize: number }): Promise<{ rows: Case[]; total: number }>;
  allOpen(): Promise<Case[]>;
  /** Cases of which the portal does not know yet what is known here. */
  toPut(): Promise<Case[]>;
  /** Packages that lie here and are not with the portal yet. */
  toForward(): Promise<Case[]>;
  /** Cases whose collecting goes on. */
  collecting(): Promise<Case[]>;
  setState(id: CaseId, state: CaseState, now: Date): Promise<void>;
  /** Where collecting stands. A case that has left collecting meanwhile stays where it is. */
  collectingAt(id: CaseId, state: CaseState, now: Date): Promise<void>;
  packageAnnounced(id: CaseId, facts: { sha256: Sha256; sizeBytes: number; recipients: string }): Promise<void>;
  packageReceived(id: CaseId, facts: { file: string; at: Date }): Promise<void>;
  sent(id: CaseId, bytes: number): Promise<void>;
  forwarded(id: CaseId, at: Date): Promise<void>;
  failed(id: CaseId, code: string): Promise<void>;
  /** What the portal answered to a put, or reported as changed. */
  mirror(view: PortalView, now: Date): Promise<void>;
  confirmed(id: CaseId, state: CaseState): Promise<void>;
  highestChange(): Promise<number>;
}

const MAX_ROWS = 1000;

export function createCaseStore(db: Kysely<CaseTables>): CaseStore {
  const update = (id: CaseId, values: Partial<CaseTable>) =>
    db.updateTable("cases_cases").set(values).where("id", "=", id).execute();
  const many = async (condition: ReturnType<typeof sql<boolean>>) =>
    (
      await db.selectFrom("cases_cases").selectAll().where(condition).orderBy("opened_at").limit(MAX_ROWS).execute()
    ).map(caseOf);
  const one = async (condition: ReturnType<typeof sql<boolean>>) => {
    const row = await db
      .selectFrom("cases_cases")
      .selectAll()
      .where(condition)
      .orderBy("opened_at", "desc")
      .limit(1)
      .executeTakeFirst();
    return row === undefined ? null : caseOf(row);
  };
  const open = sql<boolean>`state not in (${sql.join(CLOSED_STATES)})`;
  return {
    insert: (one) => insert(db, one),
    get: (id) => one(sql<boolean>`id = ${id}`),
    byPackage: (id) => one(sql<boolean>`package = ${id}`),
    openOf: (threat) => one(sql<boolean>`threat = ${threat} and ${open}`),
    latestOf: (threat) => one(sql<boolean>`threat = ${threat}`),
    list: (page) => list(db, page),
    allOpen: () => many(open),
    toPut: () =>
      many(sql<boolean>`put_state is distinct from state and state in (
      'submitted', 'collecting', 'endpoint-away', 'package-uploading', 'package-failed', 'withdrawn')`),
    toForward: () =>
      many(sql<boolean>`package_received_at is not null and forwarded_at is null and state = 'package-uploading'`),
    collecting: () => many(sql<boolean>`state in (${sql.join(COLLECTING_STATES)})`),
    collectingAt: async (id, state, now) => {
      await db
        .updateTable("cases_cases")
        .set({ state, state_since: now })
        .where("id", "=", id)
        .where("state", "in", COLLECTING_STATES)
        .where("state", "!=", state)
        .execute();
    },
    setState: async (id, state, now) => {
      await db
        .updateTable("cases_cases")
        .set({ state, state_since: now })
        .where("id", "=", id)
        .where("state", "!=", state)
        .execute();
    },
    packageAnnounced: async (id, { sha256, sizeBytes, recipients }) =>
      void (await update(id, { package_sha256: sha256, package_bytes: sizeBytes, package_recipients: recipients })),
    packageReceived: async (id, { file, at }) =>
      void (await update(id, { package_file: file, package_received_at: at })),
    sent: async (id, bytes) => void (await update(id, { sent_bytes: bytes })),
    forwarded: async (id, at) => void (await update(id, { forwarded_at: at })),
    failed: async (id, code) => void (await update(id, { last_error: code })),
    mirror: (view, now) => mirror(db, view, now),
    confirmed: async (id, state) => void (await update(id, { put_state: state })),
    highestChange: async () => {
      const row = await db
        .selectFrom("cases_cases")
        .select(sql<string | null>`max(change_number)`.as("highest"))
        .executeTakeFirst();
      return Number(row?.highest ?? 0);
    },
  };
}

async function insert(db: Kysely<CaseTables>, one: Case): Promise<boolean> {
  const inserted = await db
    .insertInto("cases_cases")
    .values({
      id: one.id,
      endpoint: one.endpoint,
      host: storableText(one.host),
      threat: one.threat,
      events: [...one.events],
      note: storableText(one.note),
      opened_by: one.openedBy,
      opened_at: one.openedAt,
      state: one.state,
      state_since: one.stateSince,
      change_number: 0,
      directive: one.directive,
      package: one.package.id,
      sent_bytes: 0,
    })
    // The partial index on open cases: one threat, one open case, also when two people press at once.
    .onConflict((conflict) => conflict.doNothing())
    .returning("id")
    .executeTakeFirst();
  return inserted !== undefined;
}

async function list(
  db: Kysely<CaseTables>,
  page: { page: number; pageSize: number },
): Promise<{ rows: Case[]; total: number }> {
  const counted = await db
    .selectFrom("cases_cases")
    .select(sql<string>`count(*)`.as("total"))
    .executeTakeFirstOrThrow();
  const rows = await db
    .selectFrom("cases_cases")
    .selectAll()
    .orderBy("opened_at", "desc")
    .limit(page.pageSize)
    .offset((page.page - 1) * page.pageSize)
    .execute();
  return { rows: rows.map(caseOf), total: Number(counted.total) };
}

/** From `new` on the portal leads; before that its view only brings the short id. An older change never overwrites. */
async function mirror(db: Kysely<CaseTables>, view: PortalView, now: Date): Promise<void> {
  const own = sql`${view.state} in ('submitted', 'collecting', 'endpoint-away', 'package-uploading', 'package-failed')`;
  await db
    .updateTable("cases_cases")
    .set({
      short_id: view.shortId,
      change_number: view.changeNumber,
      pattern: view.pattern?.id ?? null,
      pattern_version: view.pattern?.version ?? null,
      state: sql`case when ${own} then state else ${view.state} end`,
      state_since: sql`case when ${own} or state = ${view.state} then state_since else ${now} end`,
    })
    .where("id", "=", view.id)
    .where("change_number", "<=", view.changeNumber)
    .execute();
}

function caseOf(row: CaseTable): Case {
  return {
    id: row.id,
    shortId: row.short_id,
    endpoint: row.endpoint,
    host: row.host,
    threat: row.threat,
    events: row.events,
    note: row.note,
    openedBy: row.opened_by,
    openedAt: row.opened_at,
    state: row.state,
    stateSince: row.state_since,
    putState: row.put_state,
    changeNumber: Number(row.change_number),
    pattern:
      row.pattern === null || row.pattern_version === null ? null : { id: row.pattern, version: row.pattern_version },
    directive: row.directive,
    package: {
      id: row.package,
      sha256: row.package_sha256,
      sizeBytes: row.package_bytes === null ? null : Number(row.package_bytes),
      recipients: row.package_recipients,
      file: row.package_file,
      receivedAt: row.package_received_at,
      sentBytes: Number(row.sent_bytes),
      forwardedAt: row.forwarded_at,
    },
  };
}

import {
  DEPLOYMENT_STATE_TABLE,
  type MitigationStatus,
  type RecordId,
  type RootCauseRecord,
  type ThreatEventBody,
  type ThreatId,
} from "@tms/records";
import { type Generated, type Kysely, sql, type Transaction } from "kysely";
import { storableJson, storableText } from "#app/storable-text.ts";
import type {
  ArrivedChainRecord,
  ArrivedEvent,
  EventFilter,
  LoggedEvent,
  Page,
  ThreatLogStore,
  ThreatStanding,
} from "./threat-event.ts";

interface EventTable {
  seq: Generated<string>;
  record: LoggedEvent["id"];
  number: string | number;
  endpoint: LoggedEvent["endpoint"];
  host: string;
  threat: ThreatId;
  chain: LoggedEvent["chain"];
  kind: LoggedEvent["kind"];
  status: MitigationStatus;
  severity: LoggedEvent["severity"];
  threat_name: string;
  rule_id: string;
  detail: string | null;
  occurred_at: string | Date;
  occurred_text: string;
  received_at: Date;
  clock_offset_ms: number | null;
  body: ThreatEventBody;
}

interface ThreatTable {
  threat: ThreatId;
  endpoint: LoggedEvent["endpoint"];
  host: string;
  threat_name: string;
  rule_id: string;
  severity: LoggedEvent["severity"];
  status: MitigationStatus;
  first_at: Date;
  status_since: Date;
  last_record: RecordId;
}

export interface ThreatLogTables {
  threat_log_events: EventTable;
  threat_log_ids: { record: RecordId; received_at: Date };
  threat_log_counters: { name: string; value: string | number };
  threat_log_threats: ThreatTable;
  threat_log_chain: {
    record: RecordId;
    chain: string;
    threat: string;
    endpoint: string;
    received_at: Date;
    body: RootCauseRecord["body"];
  };
}

export function createThreatLogStore(db: Kysely<ThreatLogTables>): ThreatLogStore {
  return {
    insertEvents: (events) => insertEvents(db, events),
    insertChain: (records) => insertChain(db, records),
    list: (filter, page) => list(db, filter, page),
    get: async (id) => {
      const row = await db.selectFrom("threat_log_events").selectAll().where("record", "=", id).executeTakeFirst();
      return row === undefined ? null : { event: eventOf(row), body: row.body };
    },
    story: async (threat) =>
      (
        await db
          .selectFrom("threat_log_events")
          .selectAll()
          .where("threat", "=", threat)
          .orderBy("seq")
          .limit(MAX_STORY)
          .execute()
      ).map(eventOf),
    chainBodies: async (chain) =>
      (
        await db.selectFrom("threat_log_chain").select("body").where("chain", "=", chain).limit(MAX_CHAIN).execute()
      ).map((row) => row.body),
    standing: async (threat) => {
      const row = await db.selectFrom("threat_log_threats").selectAll().where("threat", "=", threat).executeTakeFirst();
      return row === undefined ? null : standingOf(row);
    },
    standings: async (statuses) =>
      statuses.length === 0
        ? []
        : (
            await db
              .selectFrom("threat_log_threats")
              .selectAll()
              .where("status", "in", statuses)
              .orderBy("status_since", "desc")
              .limit(MAX_STANDINGS)
              .execute()
          ).map(standingOf),
    latestThreatOf: async (endpoint, statuses) => {
      const row = await db
        .selectFrom("threat_log_threats")
        .selectAll()
        .where("endpoint", "=", endpoint)
        .where("status", "in", statuses)
        .orderBy("status_since", "desc")
        .executeTakeFirst();
      return row === undefined ? null : standingOf(row);
    },
    eventsOf: async (ids) =>
      ids.length === 0
        ? []
        : (await db.selectFrom("threat_log_events").selectAll().where("record", "in", ids).execute()).map(eventOf),
  };
}

/** Bounds of what one page can ask for (R16). */
const MAX_STORY = 500;
const MAX_CHAIN = 20_000;
const MAX_STANDINGS = 10_000;

async function insertEvents(db: Kysely<ThreatLogTables>, events: readonly ArrivedEvent[]): Promise<void> {
  if (events.length === 0) return;
  const days = new Set(events.map((event) => event.receivedAt.toISOString().slice(0, 10)));
  for (const day of days) await sql`select threat_log_make_partition(${day}::date)`.execute(db);
  await db.transaction().execute(async (trx) => {
    for (const event of events) await insertEvent(trx, event);
  });
}

async function insertEvent(trx: Transaction<ThreatLogTables>, arrived: ArrivedEvent): Promise<void> {
  const { record, receivedAt } = arrived;
  const fresh = await trx
    .insertInto("threat_log_ids")
    .values({ record: record.id, received_at: receivedAt })
    .onConflict((conflict) => conflict.column("record").doNothing())
    .returning("record")
    .executeTakeFirst();
  if (fresh === undefined) return;
  const counted = await trx
    .updateTable("threat_log_counters")
    .set({ value: sql`value + 1` })
    .where("name", "=", "event")
    .returning("value")
    .executeTakeFirstOrThrow();
  const { body } = record;
  await trx
    .insertInto("threat_log_events")
    .values({
      record: record.id,
      number: counted.value,
      endpoint: record.endpoint,
      host: storableText(body.host),
      threat: body.threatId,
      chain: body.chain ?? null,
      kind: record.kind,
      status: body.status,
      severity: body.threat.severity,
      threat_name: storableText(body.threat.name),
      rule_id: storableText(body.threat.ruleId),
      detail: detailOf(body),
      occurred_at: record.occurredAt,
      occurred_text: record.occurredAt,
      received_at: receivedAt,
      clock_offset_ms: arrived.clockOffsetMs,
      body: storableJson(body),
    })
    .execute();
  await trx
    .insertInto("threat_log_threats")
    .values({
      threat: body.threatId,
      endpoint: record.endpoint,
      host: storableText(body.host),
      threat_name: storableText(body.threat.name),
      rule_id: storableText(body.threat.ruleId),
      severity: body.threat.severity,
      status: body.status,
      first_at: receivedAt,
      status_since: receivedAt,
      last_record: record.id,
    })
    .onConflict((conflict) =>
      conflict.column("threat").doUpdateSet({
        host: storableText(body.host),
        status: body.status,
        severity: body.threat.severity,
        status_since: sql`case when threat_log_threats.status = ${body.status} then threat_log_threats.status_since else ${receivedAt} end`,
        last_record: record.id,
      }),
    )
    .execute();
}

async function insertChain(db: Kysely<ThreatLogTables>, records: readonly ArrivedChainRecord[]): Promise<void> {
  for (let from = 0; from < records.length; from += CHAIN_ROWS) {
    const rows = records.slice(from, from + CHAIN_ROWS).map(({ record, receivedAt }) => ({
      record: record.id,
      chain: record.body.chain,
      threat: record.body.threatId,
      endpoint: record.endpoint,
      received_at: receivedAt,
      body: storableJson(record.body),
    }));
    await db
      .insertInto("threat_log_chain")
      .values(rows)
      .onConflict((conflict) => conflict.column("record").doNothing())
      .execute();
  }
}

/** PostgreSQL takes at most 65,535 parameters a statement; six a row. */
const CHAIN_ROWS = 1_000;

async function list(
  db: Kysely<ThreatLogTables>,
  filter: EventFilter,
  page: Page,
): Promise<{ rows: LoggedEvent[]; total: number }> {
  if (filter.endpoints?.length === 0) return { rows: [], total: 0 };
  let query = db.selectFrom("threat_log_events");
  if (filter.endpoints !== null) query = query.where("endpoint", "in", filter.endpoints);
  if (filter.threat !== undefined) query = query.where("threat", "=", filter.threat);
  if (filter.status !== undefined) query = query.where("status", "=", filter.status);
  if (filter.kind !== undefined) query = query.where("kind", "=", filter.kind);
  if (filter.from !== undefined) query = query.where("received_at", ">=", filter.from);
  if (filter.to !== undefined) query = query.where("received_at", "<=", filter.to);
  const counted = await query.select(sql<string>`count(*)`.as("total")).executeTakeFirstOrThrow();
  const rows = await query
    .selectAll()
    .orderBy("received_at", "desc")
    .orderBy("seq", "desc")
    .limit(page.pageSize)
    .offset((page.page - 1) * page.pageSize)
    .execute();
  return { rows: rows.map(eventOf), total: Number(counted.total) };
}

/** A deployment's own state where nothing else is said: "queued" alone does not say how far it came. */
function detailOf(body: ThreatEventBody): string | null {
  if (body.detail !== undefined) return storableText(body.detail);
  return body.deployment === undefined ? null : DEPLOYMENT_STATE_TABLE[body.deployment.state].text;
}

function eventOf(row: Omit<EventTable, "seq"> & { seq: unknown }): LoggedEvent {
  return {
    id: row.record,
    number: Number(row.number),
    occurredAt: row.occurred_text,
    receivedAt: row.received_at,
    clockOffsetMs: row.clock_offset_ms,
    kind: row.kind,
    status: row.status,
    severity: row.severity,
    threatId: row.threat,
    threatName: row.threat_name,
    ruleId: row.rule_id,
    endpoint: row.endpoint,
    host: row.host,
    chain: row.chain,
    detail: row.detail,
  };
}

function standingOf(row: ThreatTable): ThreatStanding {
  return {
    threat: row.threat,
    endpoint: row.endpoint,
    host: row.host,
    threatName: row.threat_name,
    ruleId: row.rule_id,
    severity: row.severity,
    status: row.status,
    statusSince: row.status_since,
    firstAt: row.first_at,
    lastEvent: row.last_record,
  };
}

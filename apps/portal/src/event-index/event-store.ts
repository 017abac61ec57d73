import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import type { ClickHouseClient } from "@clickhouse/client";
import {
  type ChainId,
  type CustomerScope,
  isUuid,
  type ProductId,
  type RecordId,
  type RootCauseBody,
  STREAMS,
  type Stream,
  type ThreatId,
} from "@tms/records";
import type { StreamPlace } from "./batch-to-index.ts";
import { EVENT_COLUMNS, type EventRowOut, eventOf, INSERT_COLUMNS, valuesOf } from "./event-rows.ts";
import type { IndexStreamDeps } from "./index-stream.ts";
import type { EventFilter, Page, StoredEvent } from "./stored-event.ts";
import { tabSeparated } from "./tab-separated.ts";

const TABLE_OF: Record<Stream, string> = {
  "threat-events": "threat_events",
  "root-cause": "root_cause_records",
  audit: "audit_records",
};
/** Ids a query may name: their text stays below the store's limit of 256 KiB a query. */
const IDS_PER_QUERY = 4000;
/** Every query ends by itself: a caller that left does not free the engine (notes/recipes.md). */
const QUERY_SETTINGS = { max_execution_time: 30 } as const;
const MAX_CHAIN_RECORDS = 20_000;

export interface EventStore {
  indexing: IndexStreamDeps["events"];
  list(scope: CustomerScope, filter: EventFilter, page: Page): Promise<{ rows: StoredEvent[]; total: number }>;
  byIds(scope: CustomerScope, ids: readonly RecordId[]): Promise<StoredEvent[]>;
  /** Every event about these threats, oldest first. */
  ofThreats(scope: CustomerScope, threats: readonly ThreatId[]): Promise<StoredEvent[]>;
  chainBodies(scope: CustomerScope, chain: ChainId): Promise<RootCauseBody[]>;
  rowsByBatch(scope: CustomerScope, place: StreamPlace): Promise<{ distinct: number; byBatch: Map<string, number> }>;
  /** Distinct record ids of all streams, by product. */
  distinctByProduct(scope: CustomerScope): Promise<Map<ProductId, number>>;
}

export function createEventStore(client: ClickHouseClient): EventStore {
  async function rows<Row>(scope: CustomerScope, query: string, params: Record<string, unknown> = {}): Promise<Row[]> {
    const result = await client.query({
      query,
      format: "JSONEachRow",
      query_params: { customer: scope.customer, ...params },
      clickhouse_settings: QUERY_SETTINGS,
    });
    return result.json<Row>();
  }

  async function events(scope: CustomerScope, condition: string, params: Record<string, unknown> = {}) {
    const found = await rows<EventRowOut>(
      scope,
      `select ${EVENT_COLUMNS} from ${viewOf("threat-events")} where ${condition}
       order by occurred_at, number, id limit 1 by id limit 10000`,
      params,
    );
    return found.map(eventOf);
  }

  return {
    indexing: {
      async present(scope, { product, stream }, ids) {
        const found = new Map<RecordId, string>();
        for (let start = 0; start < ids.length; start += IDS_PER_QUERY) {
          const part = await rows<{ id: RecordId; batch: string }>(
            scope,
            `select id, batch from ${viewOf(stream)} where product = {product:String}
             and id in (${idList(ids.slice(start, start + IDS_PER_QUERY))})`,
            { product },
          );
          for (const row of part) found.set(row.id, row.batch);
        }
        return found;
      },
      rowOf: (scope, { product, stream }, batch) => {
        const receivedAt = batch.receivedAt.toISOString().replace("T", " ").replace("Z", "");
        const place = { customer: scope.customer, product, stream, batch, receivedAt };
        return (record) => tabSeparated(valuesOf(record, place));
      },
      async insert({ stream }, rowsToInsert, firstShortNumber) {
        const lines =
          stream === "threat-events"
            ? rowsToInsert.map((row, index) => `${row}\t${firstShortNumber + index}`)
            : rowsToInsert;
        // The client's own insert prints rows one by one through a stream of objects; this sends the text as it is.
        const { stream: answer } = await client.exec({
          query: `insert into ${TABLE_OF[stream]} (${INSERT_COLUMNS[stream].join(", ")}) format TabSeparated`,
          values: Readable.from([Buffer.from(`${lines.join("\n")}\n`)], { objectMode: false }),
        });
        await finished(answer.resume());
      },
      async countOfBatch(scope, { product, stream }, batch) {
        const found = await rows<{ n: string }>(
          scope,
          `select toString(uniqExact(id)) as n from ${viewOf(stream)}
           where product = {product:String} and batch = {batch:UUID}
             and received_at = parseDateTime64BestEffort({receivedAt:String}, 3, 'UTC')`,
          { product, batch: batch.id, receivedAt: batch.receivedAt.toISOString() },
        );
        return Number(found[0]?.n ?? 0);
      },
    },
    async list(scope, filter, page) {
      const { condition, params } = conditionOf(filter);
      const from = `from ${viewOf("threat-events")} where ${condition}`;
      const [counted, found] = await Promise.all([
        rows<{ n: string }>(scope, `select toString(uniqExact(id)) as n ${from}`, params),
        rows<EventRowOut>(
          scope,
          `select ${EVENT_COLUMNS} ${from} order by occurred_at desc, number desc, id desc limit 1 by id
           limit {limit:UInt32} offset {offset:UInt32}`,
          { ...params, limit: page.pageSize, offset: (page.page - 1) * page.pageSize },
        ),
      ]);
      return { rows: found.map(eventOf), total: Number(counted[0]?.n ?? 0) };
    },
    byIds: (scope, ids) => (ids.length === 0 ? Promise.resolve([]) : events(scope, `id in (${idList(ids)})`)),
    ofThreats: (scope, threats) =>
      threats.length === 0 ? Promise.resolve([]) : events(scope, `threat in (${idList(threats)})`),
    async chainBodies(scope, chain) {
      const found = await rows<{ body: string }>(
        scope,
        `select body from ${viewOf("root-cause")} where chain = {chain:UUID}
         order by number limit 1 by id limit ${MAX_CHAIN_RECORDS}`,
        { chain },
      );
      return found.map((row) => (JSON.parse(row.body) as { body: RootCauseBody }).body);
    },
    async rowsByBatch(scope, { product, stream }) {
      const found = await rows<{ batch: string; n: string }>(
        scope,
        `select batch, toString(uniqExact(id)) as n from ${viewOf(stream)} where product = {product:String} group by batch`,
        { product },
      );
      const byBatch = new Map(found.map((row) => [row.batch, Number(row.n)]));
      const total = await rows<{ n: string }>(
        scope,
        `select toString(uniqExact(id)) as n from ${viewOf(stream)} where product = {product:String}`,
        { product },
      );
      return { byBatch, distinct: Number(total[0]?.n ?? 0) };
    },
    async distinctByProduct(scope) {
      const each = STREAMS.map(
        (stream) => `select product, uniqExact(id) as n from ${viewOf(stream)} group by product`,
      ).join(" union all ");
      const found = await rows<{ product: ProductId; n: string }>(
        scope,
        `select product, toString(sum(n)) as n from (${each}) group by product`,
      );
      return new Map(found.map((row) => [row.product, Number(row.n)]));
    },
  };
}

function viewOf(stream: Stream): string {
  return `${TABLE_OF[stream]}_of(customer = {customer:UUID})`;
}

/** Array parameters do not survive the embedded store; ids are safe to write out once their form is proved. */
function idList(ids: readonly string[]): string {
  return ids
    .filter(isUuid)
    .map((id) => `'${id}'`)
    .join(",");
}

function conditionOf(filter: EventFilter): { condition: string; params: Record<string, unknown> } {
  const parts = ["1"];
  if (filter.product !== undefined) parts.push("product = {product:String}");
  if (filter.host !== undefined && filter.host !== "") parts.push("positionCaseInsensitive(host, {host:String}) > 0");
  if (filter.endpoint !== undefined) parts.push("endpoint = {endpoint:UUID}");
  if (filter.threat !== undefined) parts.push("threat = {threat:UUID}");
  if (filter.status !== undefined) parts.push("status = {status:String}");
  if (filter.kind !== undefined) parts.push("kind = {kind:String}");
  if (filter.from !== undefined) parts.push("occurred_at >= parseDateTime64BestEffort({from:String}, 6, 'UTC')");
  if (filter.to !== undefined) parts.push("occurred_at <= parseDateTime64BestEffort({to:String}, 6, 'UTC')");
  const params = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined && value !== ""));
  return { condition: parts.join(" and "), params };
}

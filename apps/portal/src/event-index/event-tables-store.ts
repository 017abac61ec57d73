import type { ClickHouseClient } from "@clickhouse/client";

// The event store's tables and the parameterised views through which alone they are read (architecture, section 6).
// Partition by the portal's month of receipt, so that one batch touches one partition whatever the senders' clocks say.
// fsync settings: an acknowledged row survives SIGKILL (notes/storage.md).

const ENGINE = `engine = ReplacingMergeTree
partition by toYYYYMM(received_at)
order by (customer, product, occurred_at, id)
settings fsync_after_insert = 1, fsync_part_directory = 1`;

const COMMON = `
  customer UUID,
  product LowCardinality(String),
  epoch UUID,
  number UInt64,
  batch UUID,
  id UUID,
  endpoint UUID,
  kind LowCardinality(String),
  occurred_at DateTime64(6, 'UTC'),
  received_at DateTime64(3, 'UTC'),
  body String,
  index by_id id type bloom_filter(0.001) granularity 4,
  index by_receipt received_at type minmax granularity 1`;

const CHAIN = `,
  chain Nullable(UUID),
  threat UUID,
  index by_threat threat type bloom_filter(0.01) granularity 4`;

const EVENT = `,
  status LowCardinality(String),
  severity LowCardinality(String),
  host LowCardinality(String),
  threat_name String,
  rule_id String,
  short_number UInt64,
  clock_offset_ms Nullable(Float64)`;

const TABLES: Record<string, string> = {
  threat_events: COMMON + CHAIN + EVENT,
  root_cause_records: COMMON + CHAIN,
  audit_records: COMMON,
};

/** Makes tables and views that are not there yet. Additive only: a changed table is a new table and a reindex. */
export async function makeEventTables(client: ClickHouseClient): Promise<void> {
  for (const [table, columns] of Object.entries(TABLES)) {
    await client.command({ query: `create table if not exists ${table} (${columns}\n) ${ENGINE}` });
    await client.command({
      query: `create view if not exists ${table}_of as select * from ${table} where customer = {customer:UUID}`,
    });
  }
}

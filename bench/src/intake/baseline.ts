import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import type { ClickHouseClient } from "@clickhouse/client";
import type { Template } from "./template.ts";

export const BASELINE_TABLE = "bench_baseline";
const WRITERS = 2;

/** A table of the same columns, engine, order, indexes and fsync settings as the portal's own. */
export async function makeBaselineTable(client: ClickHouseClient): Promise<void> {
  await client.command({ query: `create table ${BASELINE_TABLE} as threat_events` });
  const shown = await client.query({
    query: "select create_table_query as text from system.tables where name = {name:String}",
    query_params: { name: BASELINE_TABLE },
    format: "JSONEachRow",
  });
  const [table] = await shown.json<{ text: string }>();
  for (const part of ["ReplacingMergeTree", "fsync_after_insert = 1", "fsync_part_directory = 1"]) {
    if (!table?.text.includes(part)) throw new Error(`the baseline's table lacks ${part}: ${table?.text}`);
  }
}

/** The least that storing these rows can cost: plain text, straight into the event store. @returns rows per second */
export async function runBaseline(client: ClickHouseClient, template: Template): Promise<number> {
  await client.command({ query: `truncate table ${BASELINE_TABLE}` });
  const waiting = [...template.rowFiles];
  const started = performance.now();
  const write = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const values = Readable.from([await readFile(file)], { objectMode: false });
      // The client's own insert would parse and print each row again; this sends the text as it is.
      const { stream } = await client.exec({ query: `insert into ${BASELINE_TABLE} format JSONEachRow`, values });
      await finished(stream.resume());
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  return template.events / ((performance.now() - started) / 1000);
}

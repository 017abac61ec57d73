import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { createClient } from "@clickhouse/client";
import { createTestEventStore } from "@tms/testkit";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { tabSeparated } from "./tab-separated.ts";

const HOSTILE = [
  "\\N",
  "\\",
  "\t",
  "\n",
  "\r\n",
  "\0",
  "\\t",
  "a\\",
  "\u202e",
  "'; drop table",
  "",
  "\u{1f600}",
  "null",
];

test("whatever a row holds comes back as it was, and no value becomes another column or row", async () => {
  const store = await createTestEventStore();
  onTestFinished(() => store.drop());
  const client = createClient({ url: store.url, username: store.user, password: store.password });
  onTestFinished(() => client.close());
  const text = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }));
  const values = fc.sample(fc.record({ a: text, b: fc.option(text), n: fc.nat() }), 400);
  // A lone half of a surrogate pair has no UTF-8 form: it arrives as the replacement character, as everywhere.
  const rows = values.map(({ a, b, n }, number) => ({ number, a: a.toWellFormed(), b: b?.toWellFormed() ?? null, n }));
  const table = `tab_separated_${process.pid}`;
  await client.command({
    query: `create table ${table} (number UInt64, a String, b Nullable(String), n UInt64) engine = MergeTree order by number`,
  });

  const { stream } = await client.exec({
    query: `insert into ${table} (number, a, b, n) format TabSeparated`,
    values: Readable.from(
      rows.map(({ number, a, b, n }) => `${tabSeparated([number, a, b, n])}\n`),
      { objectMode: false },
    ),
  });
  await finished(stream.resume());

  const found = await client.query({
    query: `select toUInt32(number) as number, a, b, toUInt32(n) as n from ${table} order by number`,
    format: "JSONEachRow",
  });
  expect(await found.json()).toEqual(rows);
});

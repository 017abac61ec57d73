import { createHash } from "node:crypto";
import type { ClickHouseClient } from "@clickhouse/client";

// A digest of a set of (id, body) that does not depend on order: the SHA-256 of each pair, as four words, added up.

const WORDS = [0, 1, 2, 3] as const;
const WORD_MASK = 2n ** 64n - 1n;
const QUERY_SECONDS = 60;

export interface ContentDigest {
  add(id: string, body: string): void;
  text(): string;
}

export function createContentDigest(): ContentDigest {
  const sums = WORDS.map(() => 0n);
  return {
    add(id, body) {
      const hash = createHash("sha256").update(`${id}\n${body}`).digest();
      for (const word of WORDS) sums[word] = ((sums[word] ?? 0n) + hash.readBigUInt64LE(word * 8)) & WORD_MASK;
    },
    text: () => sums.join("-"),
  };
}

export interface StoredContent {
  distinct: number;
  digest: string;
}

/** The same digest, computed by the event store over what it holds; a row that stands twice counts once. */
export async function contentInStore(
  client: ClickHouseClient,
  from: { table: string; product?: string; body?: string },
): Promise<StoredContent> {
  const { table, product, body = "body" } = from;
  const words = WORDS.map((word) => `toString(sum(reinterpretAsUInt64(substring(hash, ${word * 8 + 1}, 8))))`);
  const result = await client.query({
    query: `select toString(count()) as n, concat(${words.join(", '-', ")}) as digest from (
        select id, SHA256(concat(toString(id), '\\n', any(${body}))) as hash from ${table}
        ${product === undefined ? "" : "where product = {product:String}"} group by id)`,
    query_params: product === undefined ? {} : { product },
    format: "JSONEachRow",
    clickhouse_settings: { max_execution_time: QUERY_SECONDS },
  });
  const [row] = await result.json<{ n: string; digest: string }>();
  return { distinct: Number(row?.n ?? 0), digest: row?.digest ?? "" };
}

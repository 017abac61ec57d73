import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import fc from "fast-check";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startTicksOf } from "../store-owner.ts";
import { type EmbeddedEventStore, startEventStore } from "./start-event-store.ts";

// Everything here goes through the real client: what it needs is the contract of the child.

const shared: { store: EmbeddedEventStore | null; client: ClickHouseClient | null } = { store: null, client: null };

beforeAll(async () => {
  shared.store = await startEventStore({ directory: await folder(), user: "tms", password: "p'w\\d" });
  shared.client = clientOf(shared.store);
});

afterAll(async () => {
  await shared.client?.close();
  await shared.store?.remove();
  for (const made of folders) await rm(made, { recursive: true, force: true });
});

const folders: string[] = [];

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "tms-events-"));
  folders.push(made);
  return join(made, "events");
}

function clientOf(store: { url: string; user: string; password: string }): ClickHouseClient {
  return createClient({
    url: store.url,
    username: store.user,
    password: store.password,
    compression: { request: true, response: true },
    log: { level: ClickHouseLogLevel.OFF },
  });
}

function parts(): { store: EmbeddedEventStore; client: ClickHouseClient } {
  const { store, client } = shared;
  if (store === null || client === null) throw new Error("The event store did not start.");
  return { store, client };
}

async function newTable(client: ClickHouseClient, columns: string): Promise<string> {
  const name = `t_${Math.random().toString(36).slice(2)}`;
  const settings = "fsync_after_insert = 1, fsync_part_directory = 1";
  await client.command({
    query: `CREATE TABLE ${name} (${columns}) ENGINE = MergeTree ORDER BY id SETTINGS ${settings}`,
  });
  return name;
}

async function rowsOf<Row>(client: ClickHouseClient, query: string, query_params: Record<string, unknown> = {}) {
  return (await client.query({ query, query_params, format: "JSONEachRow" })).json<Row>();
}

test("takes 10,000 rows as one insert and counts exactly these", async () => {
  const { client } = parts();
  const table = await newTable(client, "id UInt64, host String, at DateTime64(6)");
  const values = Array.from({ length: 10_000 }, (_, id) => ({
    id,
    host: `h"\\\t\n'ü😀${id}`,
    at: "2026-11-24 08:00:00.123456",
  }));

  const { summary } = await client.insert({ table, values, format: "JSONEachRow" });

  expect(summary?.written_rows).toBe("10000");
  expect(await rowsOf(client, `SELECT count() AS n, uniqExact(host) AS hosts FROM ${table}`)).toEqual([
    { n: 10_000, hosts: 10_000 },
  ]);
  expect(await rowsOf(client, `SELECT host FROM ${table} WHERE id = 7`)).toEqual([{ host: values[7]?.host }]);
});

test("a rejected batch leaves no row behind", async () => {
  const { client } = parts();
  const table = await newTable(client, "id UInt64");

  const insert = client.insert({ table, values: [{ id: 1 }, { id: "not a number" }], format: "JSONEachRow" });

  await expect(insert).rejects.toThrow();
  expect(await rowsOf(client, `SELECT count() AS n FROM ${table}`)).toEqual([{ n: 0 }]);
});

test("every text comes back from a parameter as it went in", async () => {
  const { client } = parts();

  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "grapheme", maxLength: 40 }), async (text) => {
      const [row] = await rowsOf<{ v: string }>(client, "SELECT {v:String} AS v", { v: text });
      expect(row?.v).toBe(text);
    }),
    {
      numRuns: 60,
      examples: [
        ["'; DROP TABLE x; --"],
        ["a\tb\nc\rd"],
        ["\\"],
        ["\\'"],
        ["\\N"],
        ["{v:String}"],
        ["\b\f"],
        ["%' OR 1"],
      ],
    },
  );
});

test("every other type of parameter comes back too", async () => {
  const { client } = parts();
  const query = `SELECT {list:Array(String)} AS list, {numbers:Array(UInt32)} AS numbers, {none:Nullable(String)} AS none,
    {id:UUID} AS id, {at:DateTime64(3)} AS at, {n:UInt32} AS n, {yes:Bool} AS yes, {f:Float64} AS f`;

  const rows = await rowsOf(client, query, {
    list: ["it's", "tab\there", "back\\slash", "", "a,b]", '"'],
    numbers: [1, 2],
    none: null,
    id: "0190a0b0-0000-7000-8000-000000000001",
    at: new Date("2026-11-24T08:00:00.250Z"),
    n: 7,
    yes: true,
    f: 1.5,
  });

  expect(rows).toEqual([
    {
      list: ["it's", "tab\there", "back\\slash", "", "a,b]", '"'],
      numbers: [1, 2],
      none: null,
      id: "0190a0b0-0000-7000-8000-000000000001",
      at: "2026-11-24 08:00:00.250",
      n: 7,
      yes: true,
      f: 1.5,
    },
  ]);
});

test("errors carry ClickHouse's own code and type", async () => {
  const { client } = parts();

  await expect(rowsOf(client, "SELECT * FROM nowhere")).rejects.toMatchObject({ code: "60", type: "UNKNOWN_TABLE" });
  await expect(rowsOf(client, "SELEKT 1")).rejects.toMatchObject({ code: "62", type: "SYNTAX_ERROR" });
  await expect(rowsOf(client, "SELECT {v:UInt8}", { v: "many" })).rejects.toMatchObject({ code: expect.any(String) });
});

test("a wrong password, another database and SET are refused", async () => {
  const { store, client } = parts();
  const stranger = clientOf({ ...store, password: "guess" });
  onTestFinished(() => stranger.close());

  await expect(rowsOf(stranger, "SELECT 1")).rejects.toMatchObject({ code: "516" });
  await expect(client.command({ query: "SET max_threads = 1" })).rejects.toMatchObject({ code: "48" });
  await expect(client.command({ query: "/* hidden */ USE system" })).rejects.toMatchObject({ code: "48" });
  expect((await fetch(`${store.url}/?query=SELECT+1`)).status).toBe(403);
  expect((await fetch(`${store.url}/ping`)).status).toBe(200);
});

test("a statement that runs too long is ended by the engine itself", async () => {
  const { client } = parts();
  const query = "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1";

  const slow = client.query({ query, format: "JSONEachRow", clickhouse_settings: { max_execution_time: 1 } });

  await expect(slow).rejects.toMatchObject({ type: "TIMEOUT_EXCEEDED" });
});

test("a setting of one statement does not stick to the next", async () => {
  const { client } = parts();
  const query = "SELECT getSetting('max_block_size') AS size";
  const once = async (clickhouse_settings: Record<string, string>) =>
    (await client.query({ query, format: "JSONEachRow", clickhouse_settings })).json<{ size: number | string }>();

  const before = await once({});
  const [changed] = await once({ max_block_size: "777" });

  expect(Number(changed?.size)).toBe(777);
  for (const session of [1, 2, 3]) expect([session, await once({})]).toEqual([session, before]);
});

test("a body that unpacks beyond the bound is refused before it fills the memory", async () => {
  const { store } = parts();
  const { gzipSync } = await import("node:zlib");
  const bomb = gzipSync(Buffer.alloc(80 * 1024 * 1024, " "));

  const answer = await fetch(`${store.url}/?query=${encodeURIComponent("INSERT INTO x FORMAT JSONEachRow")}`, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from(`${store.user}:${store.password}`).toString("base64")}`,
      "content-encoding": "gzip",
    },
    body: bomb,
  });

  expect([answer.status, answer.headers.get("x-clickhouse-exception-code")]).toEqual([413, "307"]);
});

test("a kill -9 during inserts keeps every acknowledged row, and the store comes back on its port", async () => {
  const directory = await folder();
  const store = await startEventStore({ directory, user: "tms", password: "p" });
  onTestFinished(() => store.remove());
  const client = clientOf(store);
  onTestFinished(() => client.close());
  const table = await newTable(client, "id UInt64, s String");
  const acknowledged: number[] = [];
  const killed = store.pid;

  const inserting = (async () => {
    for (let batch = 0; batch < 10_000; batch += 1) {
      const values = Array.from({ length: 100 }, (_, n) => ({ id: batch * 100 + n, s: "x".repeat(100) }));
      await client.insert({ table, values, format: "JSONEachRow" });
      acknowledged.push(batch);
      if (acknowledged.length === 12) process.kill(killed, "SIGKILL");
    }
  })();
  await expect(inserting).rejects.toThrow();
  await expect.poll(() => store.pid, { timeout: 30_000 }).not.toBe(killed);
  await store.settled();

  const stored = await rowsOf<{ batch: number; n: number }>(
    client,
    `SELECT toUInt32(intDiv(id, 100)) AS batch, toUInt32(count()) AS n FROM ${table} GROUP BY batch ORDER BY batch`,
  );
  const whole = stored.filter(({ n }) => n === 100).map(({ batch }) => batch);
  expect(acknowledged.length).toBeGreaterThanOrEqual(12);
  expect(whole).toEqual(expect.arrayContaining(acknowledged));
});

test("the child ends when the program that started it is killed, and a new start takes over", async () => {
  const directory = await folder();
  const module = new URL("./start-event-store.ts", import.meta.url).href;
  const script = `const { startEventStore } = await import(${JSON.stringify(module)});
    const store = await startEventStore({ directory: ${JSON.stringify(directory)}, user: "tms", password: "p" });
    process.send({ pid: store.pid });`;
  const other = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const [{ pid }] = (await once(other, "message")) as [{ pid: number }];

  other.kill("SIGKILL");
  await once(other, "exit");
  const next = await startEventStore({ directory, user: "tms", password: "p" });
  onTestFinished(() => next.remove());

  // Its entry in the process table may stay until init looks; a zombie holds nothing any more.
  expect(await startTicksOf(pid)).toBeNull();
  const client = clientOf(next);
  onTestFinished(() => client.close());
  expect(await rowsOf(client, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

test("stopping lets a running insert end", async () => {
  const directory = await folder();
  const first = await startEventStore({ directory, user: "tms", password: "p" });
  const client = clientOf(first);
  const table = await newTable(client, "id UInt64, s String");
  const values = Array.from({ length: 20_000 }, (_, id) => ({ id, s: "y".repeat(200) }));
  const insert = client.insert({ table, values, format: "JSONEachRow" }).then(
    () => "acknowledged",
    () => "cut",
  );

  await first.stop();
  const outcome = await insert;
  await client.close();

  const second = await startEventStore({ directory, user: "tms", password: "p" });
  onTestFinished(() => second.remove());
  const reader = clientOf(second);
  onTestFinished(() => reader.close());
  const [row] = await rowsOf<{ n: number }>(reader, `SELECT toUInt32(count()) AS n FROM ${table}`);
  if (outcome === "acknowledged") expect(row?.n).toBe(20_000);
  else expect([0, 20_000]).toContain(row?.n);
});

test("a child that cannot start says why before it ends", async () => {
  const directory = await folder();
  await mkdir(directory);
  await writeFile(join(directory, "data"), "a file where the store wants its folder");

  const starting = startEventStore({ directory, user: "tms", password: "p" });

  await expect(starting).rejects.toMatchObject({ code: "start.store_failed", details: { reason: expect.any(String) } });
});

test("a child without the chDB package says which package is missing", async () => {
  const absent = `import { registerHooks } from "node:module";
    registerHooks({ resolve(name, context, next) { if (name === "chdb") throw new Error("not there"); return next(name, context); } });`;
  const child = fork(new URL("./event-store-main.ts", import.meta.url), [], {
    execArgv: ["--import", `data:text/javascript,${encodeURIComponent(absent)}`],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const said = Promise.race([once(child, "message"), once(child, "exit")]);

  child.send({ directory: await folder(), port: 0, user: "tms", password: "p" });

  expect((await said)[0]).toMatchObject({ type: "failed", code: "start.package_missing", package: "chdb" });
});

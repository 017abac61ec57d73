import { fileURLToPath } from "node:url";
import { type CustomerScope, type Epoch, newId, type ProductId } from "@tms/records";
import { createTestDatabase, type TestDatabase } from "@tms/testkit";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { registeredProduct } from "../registered-product.contract.ts";
import { acceptanceOf, type Heartbeat } from "./heartbeat.ts";
import { createHeartbeatStore } from "./heartbeat-store.ts";
import { createHistoryStore } from "./history-store.ts";

const MIGRATIONS = [fileURLToPath(new URL("../../migrations", import.meta.url))];
const PROVIDER = { provider: true } as const;
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase({ migrations: MIGRATIONS });
});
afterAll(() => database.drop());

async function arrange() {
  const store = createHeartbeatStore(database.databases);
  const history = createHistoryStore(database.databases);
  const { scope, product } = await registeredProduct(database);
  let counter = 0;
  const say = (change: Partial<Heartbeat> = {}, address = "127.0.0.1") => {
    counter += 1;
    const heartbeat = { ...HEARTBEAT, counter, ...change };
    const contentDigest = String(counter);
    const signingKey = Buffer.alloc(44);
    const arriving = { product, heartbeat, contentDigest, address, signingKey, clockOffsetMs: 0 };
    return store.record(scope, arriving, (known) =>
      acceptanceOf(known, { ...heartbeat, contentDigest, address }, { nowMs: 0, newChallenge: "c" }),
    );
  };
  const of = { product, from: new Date(0), to: new Date(Date.now() + 3_600_000) };
  return { store, history, scope, product, say, of };
}

const HEARTBEAT: Heartbeat = {
  start: "11111111-1111-4111-8111-111111111111",
  earlierStarts: [],
  counter: 0,
  challenge: null,
  version: "1.5.0",
  host: "mit-north",
  instanceId: "22222222-2222-4222-8222-222222222222",
  localTime: new Date(0),
  ready: { ok: true, reasons: [] },
  sending: "on",
  agents: null,
  ledgers: [],
  schedule: null,
  trust: null,
  outcomes: [],
};

/** As the database's own role, which may do what no part of the portal does. */
async function inDatabase(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

const longAgo = (product: ProductId, minutes: number) =>
  inDatabase(`update heartbeats_changes set at = at - $2 * interval '1 minute' where product = $1`, [product, minutes]);

const seen = (one: { scope: CustomerScope; product: ProductId }, agoMs: number, lateAfterMs = 120_000) => ({
  customer: one.scope.customer,
  product: one.product,
  agoMs,
  lateAfterMs,
  beat: null,
});

test("only what changes is written: a thousand equal heartbeats are one line", async () => {
  const { history, say, scope, product, of } = await arrange();
  for (let count = 0; count < 20; count += 1) await say();
  await longAgo(product, 10);
  const ready = { ok: false, reasons: [{ code: "database", text: "its database does not answer" }] };
  await say({ ready });
  await say({ ready });

  const changes = await history.changes(scope, of);

  expect(changes.map((one) => one.ready)).toEqual([{ ok: true, reasons: [] }, ready]);
});

test("a product that changes with every heartbeat is one line a minute, and its last word stays", async () => {
  const { history, say, scope, of } = await arrange();
  for (let count = 1; count <= 9; count += 1)
    await say({ ready: { ok: count % 2 === 0, reasons: [] } }, `192.0.2.${count}`);

  expect(await history.changes(scope, of)).toMatchObject([{ ready: { ok: false }, address: "192.0.2.9" }]);
});

test("the change that still holds is read also where it lies before the asked time", async () => {
  const { history, say, scope, product, of } = await arrange();
  await say({ version: "1.4.0" });
  await longAgo(product, 60);
  await say({ version: "1.5.0" });
  await longAgo(product, 60);

  const changes = await history.changes(scope, { ...of, from: new Date() });

  expect(changes.map((one) => one.version)).toEqual(["1.5.0"]);
});

test("whoever speaks after a long silence ends it; between two heartbeats in time nothing is written", async () => {
  const { store, history, scope, product, of } = await arrange();
  const own = { scope, product };
  for (const agoMs of [600_000, 540_000, 250_000, 200_000]) await store.writeSeen(PROVIDER, [seen(own, agoMs)]);
  await store.writeSeen(PROVIDER, [seen(own, 500_000)]);

  const silences = await history.silences(scope, of);

  expect(silences).toHaveLength(1);
  const [silence] = silences;
  const lengthMs = (silence?.until.getTime() ?? 0) - (silence?.since.getTime() ?? 0);
  expect(Math.round(lengthMs / 10_000)).toBe(29);
});

test("a silence within a customer's longer interval is none", async () => {
  const { store, history, scope, product, of } = await arrange();
  const own = { scope, product };
  for (const agoMs of [900_000, 500_000, 200_000]) await store.writeSeen(PROVIDER, [seen(own, agoMs, 600_000)]);

  expect(await history.silences(scope, of)).toEqual([]);
});

test("a node that could not say that it serves leaves a hole, instead of bridging it", async () => {
  const { store } = await arrange();
  const node = newId<string>();
  await store.writeServing(PROVIDER, node);
  await store.writeServing(PROVIDER, node);
  await inDatabase(
    "update heartbeats_serving set since = since - interval '2 hours', until = until - interval '1 hour' where node = $1",
    [node],
  );
  await store.writeServing(PROVIDER, node);
  await store.writeServing(PROVIDER, node);

  const rows = await inDatabase("select since, until from heartbeats_serving where node = $1 order by since", [node]);

  expect(rows).toHaveLength(2);
  const [before, after] = rows as { since: Date; until: Date }[];
  expect((after?.since.getTime() ?? 0) - (before?.until.getTime() ?? 0)).toBeGreaterThan(3_500_000);
});

test("the fullest that the spool was said to be in a quarter of an hour is one point", async () => {
  const { history, say, scope, of } = await arrange();
  const epoch = newId<Epoch>();
  for (const spooledBytes of [10, 900, 20]) {
    const ledger = { stream: "audit", epoch, sealedTo: 1, head: null, oldestAt: null, signature: "s" } as const;
    await say({ ledgers: [{ ...ledger, spooledBytes }] });
    await history.sampleSpools(PROVIDER);
  }

  const points = await history.spool(scope, of);

  expect(points.length).toBeLessThanOrEqual(2);
  expect(Math.max(...points.map((point) => point.bytes))).toBe(900);
});

test("retention erases what is old and keeps what still holds", async () => {
  const { store, history, say, scope, product, of } = await arrange();
  const own = { scope, product };
  await store.writeSeen(PROVIDER, [seen(own, 600_000)]);
  await store.writeSeen(PROVIDER, [seen(own, 0)]);
  await say({ version: "1.3.0" });
  await longAgo(product, 10);
  await say({ version: "1.4.0" });
  await longAgo(product, 40 * 1440);
  await inDatabase(
    "update heartbeats_silences set since = since - interval '40 days', until = until - interval '40 days'",
  );
  await inDatabase("insert into heartbeats_spool values ($1, $2, now() - interval '9 days', 1), ($1, $2, now(), 2)", [
    scope.customer,
    product,
  ]);

  await history.forgetOld(PROVIDER);

  expect((await history.changes(scope, of)).map((one) => one.version)).toEqual(["1.4.0"]);
  expect(await history.silences(scope, of)).toEqual([]);
  expect((await history.spool(scope, of)).map((point) => point.bytes)).toEqual([2]);
});

test("a customer never reads another customer's history", async () => {
  const { store, history, say, scope, product, of } = await arrange();
  const neighbour = await registeredProduct(database);
  await say();
  await store.writeSeen(PROVIDER, [seen({ scope, product }, 600_000)]);
  await store.writeSeen(PROVIDER, [seen({ scope, product }, 0)]);

  expect(await history.changes(neighbour.scope, of)).toEqual([]);
  expect(await history.silences(neighbour.scope, of)).toEqual([]);
  expect(await history.silences(scope, of)).toHaveLength(1);
});

import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, type CustomerForTest, eventually, PortalUnderTest } from "./portal-under-test.contract.ts";

// History at the whole portal: real heartbeats, and time that is moved in the database instead of being waited for.

let portal: PortalUnderTest;
let administrator: Api;
let customer: CustomerForTest;

beforeAll(async () => {
  portal = await PortalUnderTest.start();
  administrator = portal.api(await portal.setUp());
  customer = await portal.addCustomer(administrator, "Clinic Main");
});
afterAll(() => portal.close());

async function inDatabase(statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: portal.databaseUrl });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Everything that was kept happened so many minutes earlier, also the portal's own service. */
const minutesPass = (minutes: number) =>
  inDatabase([
    `update heartbeats_changes set at = at - interval '${minutes} minutes'`,
    `update heartbeats_silences set since = since - interval '${minutes} minutes', until = until - interval '${minutes} minutes'`,
    `update heartbeats_last_seen set at = at - interval '${minutes} minutes'`,
    `update heartbeats_serving set since = since - interval '${minutes} minutes'`,
  ]);

/** The same, but nobody served meanwhile. */
const portalWasAway = async (minutes: number) => {
  await minutesPass(minutes);
  await inDatabase([`update heartbeats_serving set until = until - interval '${minutes} minutes'`]);
};

test("a stopped product is offline and comes back with another start; an outage of the portal is its own", async () => {
  await using agent = await portal.product(administrator, customer);
  const { product } = agent.identity;
  const params = { id: product };
  const history = () => administrator.productHistory({ params, query: {} });
  agent.start();
  await eventually(
    () => administrator.getProduct({ params }),
    (view) => view.liveness === "online",
  );
  await agent.link.stop();
  await minutesPass(188);
  const silent = await history();

  await agent.open();
  agent.start();
  const back = await eventually(history, (one) => one.heartbeat.at(-1)?.state === "online");
  await agent.link.stop();
  await portalWasAway(42);
  await agent.open();
  agent.start();
  const after = await eventually(history, (one) => one.incidents.length === 2);

  expect(silent.incidents).toMatchObject([
    { kind: "offline", to: null, cameBackAs: null, lastKnown: { ready: { ok: true } } },
  ]);
  expect(back.heartbeat.map((one) => one.state)).toEqual(["not-known", "online", "late", "offline", "online"]);
  expect(back.incidents).toMatchObject([{ kind: "offline", cameBackAs: "other-start" }]);
  expect(after.incidents.map((one) => one.kind)).toEqual(["offline", "portal-away"]);
  expect(after.heartbeat.filter((one) => one.state === "offline")).toHaveLength(1);
});

test("an unknown product has no history", async () => {
  const params = { id: "00000000-0000-7000-8000-000000000001" as never };

  await expect(administrator.productHistory({ params, query: {} })).rejects.toMatchObject({ code: "product.unknown" });
});

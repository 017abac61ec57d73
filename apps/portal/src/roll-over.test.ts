import { dirname } from "node:path";
import type { RollOrder, RollReport } from "@tms/link";
import { probeAuthority, probeHostKey } from "@tms/link/lower";
import type { Sha256 } from "@tms/records";
import { openBesideServer } from "@tms/server-kit";
import { type FakeAgent, makeThreatEvent } from "@tms/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type Api, type CustomerForTest, eventually, PortalUnderTest } from "./portal-under-test.contract.ts";
import { rollPortalKey } from "./roll-keys.ts";

// CA and SSH host key of the whole portal roll over while products deliver; the steps come from the host, as `tms keys
// roll` gives them.

let portal: PortalUnderTest;
let administrator: Api;
let customer: CustomerForTest;

beforeAll(async () => {
  portal = await PortalUnderTest.start();
  administrator = portal.api(await portal.setUp());
  customer = await portal.addCustomer(administrator, "Clinic Main");
});
afterAll(() => portal.close());

async function order(key: RollOrder["key"], step: RollOrder["step"], force = false): Promise<RollReport> {
  const db = await openBesideServer(portal.databaseUrl);
  try {
    const place = { db, dataDir: dirname(portal.ready.caPem) };
    return await rollPortalKey({ key, step, force, by: "host root" }, place);
  } finally {
    await db.close();
  }
}

const detailsOf = () => administrator.connectionDetails({ params: { id: customer.id } });

/** What new connection details name, once the running portal has seen the last step. */
async function named(key: RollOrder["key"], wanted: (string | null)[]): Promise<readonly string[]> {
  const names = async () => {
    const { caPins, sshHostKeys } = await detailsOf();
    return key === "ca" ? caPins : sshHostKeys;
  };
  return eventually(names, (found) => JSON.stringify(found) === JSON.stringify(wanted));
}

/** Resolves once the running portal shows the key that is switched to. */
async function shown(key: RollOrder["key"], next: string | null): Promise<void> {
  const { statusServer, logServer } = portal.ready;
  if (statusServer === null || logServer === null || next === null) throw new Error("nothing listens");
  const isShown = async () =>
    key === "ca"
      ? probeAuthority(statusServer, [next as Sha256]).then(
          () => true,
          () => false,
        )
      : (await probeHostKey(logServer.ssh)) === next;
  expect(await eventually(isShown, (is) => is)).toBe(true);
}

async function deliver(agent: FakeAgent, count: number) {
  await agent.spool.append("threat-events", [makeThreatEvent()]);
  const { records } = await eventually(
    () => administrator.getProduct({ params: { id: agent.identity.product } }),
    (view) => view.records.received === count,
  );
  return records;
}

async function registered(protocol: "ssl" | "ssh"): Promise<FakeAgent> {
  const agent = await portal.product(administrator, customer, protocol);
  onTestFinished(async () => {
    await agent.close();
    await administrator.removeProduct({
      params: { id: agent.identity.product },
      body: { typedName: "Fake agent" },
    });
  });
  return agent;
}

test.each([
  ["ca", "ssl"],
  ["ca", "ssh"],
  ["ssh-host-key", "ssl"],
  ["ssh-host-key", "ssh"],
] as const)(
  "the %s rolls over under a product that sends over %s: nothing is lost, nobody registers anew",
  async (key, protocol) => {
    const agent = await registered(protocol);
    agent.start();
    await deliver(agent, 1);
    const products = (await administrator.listProducts({ query: {} })).rows.length;

    const begun = await order(key, "begin");
    const both = await named(key, [begun.present, begun.next]);
    const confirmed = await eventually(
      () => order(key, "status"),
      ({ waiting }) => waiting.length === 0,
    );
    const switched = await order(key, "switch");
    await shown(key, begun.next);
    await deliver(agent, 2);
    const retired = await order(key, "retire");
    const one = await named(key, [begun.next]);
    const records = await deliver(agent, 3);

    expect(both).toEqual([begun.present, begun.next]);
    expect([confirmed.confirmed, confirmed.phase, switched.phase]).toEqual([1, "announced", "switched"]);
    expect(retired).toMatchObject({ phase: "none", present: begun.next, waiting: [] });
    expect(one).toEqual([begun.next]);
    expect(records).toMatchObject({ received: 3, lost: 0 });
    expect((await administrator.listProducts({ query: {} })).rows).toHaveLength(products);
    const actions = (await administrator.portalAudit({ query: {} })).rows.map(({ action }) => action);
    expect(actions).toEqual(expect.arrayContaining(["keys.roll-begun", "keys.roll-switched", "keys.roll-retired"]));
  },
);

test("who comes back after both switches knows only the old keys, and learns the new ones before it sends over SSH", async () => {
  const agent = await registered("ssh");
  agent.start();
  await deliver(agent, 1);
  await agent.link.stop();
  const before = [];
  for (const key of ["ca", "ssh-host-key"] as const) {
    before.push((await order(key, "begin")).next);
    await order(key, "switch");
    await shown(key, before.at(-1) ?? null);
  }

  await agent.open();
  agent.start();
  const records = await deliver(agent, 2);
  const reports = await eventually(
    async () => [await order("ca", "status"), await order("ssh-host-key", "status")],
    (found) => found.every(({ waiting }) => waiting.length === 0),
  );
  for (const key of ["ca", "ssh-host-key"] as const) await order(key, "retire");
  const last = await deliver(agent, 3);

  expect(records).toMatchObject({ received: 2, lost: 0 });
  expect(reports.map(({ next }) => next)).toEqual(before);
  expect(last).toMatchObject({ received: 3, lost: 0 });
});

test("a CA is not retired while a product is away, unless by force, which names it; new details are its cure", async () => {
  const away = await registered("ssl");
  const here = await registered("ssl");
  for (const agent of [away, here]) {
    agent.start();
    await deliver(agent, 1);
  }
  await away.link.stop();
  const { next } = await order("ca", "begin");
  await eventually(
    () => order("ca", "status"),
    ({ confirmed }) => confirmed === 1,
  );
  await order("ca", "switch");
  await shown("ca", next);

  const refused = await order("ca", "retire").catch((error: unknown) => error);
  const status = await order("ca", "status");
  await order("ca", "retire", true);
  await named("ca", [next]);
  await away.open();
  away.start();
  await away.until(({ lastError }) => lastError !== null);
  const { phase, lastError } = away.link.state();
  const left = await order("ca", "status");
  const served = await deliver(here, 2);

  expect(refused).toMatchObject({ code: "roll.unconfirmed", details: { inAll: 1 } });
  expect(status).toMatchObject({ phase: "switched", waiting: [{ id: away.identity.product, why: "not-confirmed" }] });
  expect({ phase, code: lastError?.code }).toEqual({ phase: "not-answering", code: "link.pin_mismatch" });
  expect(left.waiting.map(({ id }) => id)).toEqual([away.identity.product]);
  expect(served).toMatchObject({ received: 2, lost: 0 });
  const retired = (await administrator.portalAudit({ query: {} })).rows.find(({ action, detail }) => {
    return action === "keys.roll-retired" && JSON.stringify(detail).includes(away.identity.product);
  });
  expect(retired?.detail).toMatchObject({ forced: true, leftOutInAll: 1 });
});

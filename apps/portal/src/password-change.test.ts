import { type CaseId, type EndpointId, newId, type ThreatId } from "@tms/records";
import { type FakeAgent, makeThreatEvent } from "@tms/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callLink } from "./link-call.contract.ts";
import { type Api, type CustomerForTest, eventually, PortalUnderTest } from "./portal-under-test.contract.ts";

// The customer's password buys certificates and nothing else: changing it breaks no product that has one.

let portal: PortalUnderTest;
let administrator: Api;
let customer: CustomerForTest;

beforeAll(async () => {
  portal = await PortalUnderTest.start();
  administrator = portal.api(await portal.setUp());
  customer = await portal.addCustomer(administrator, "Clinic Main");
});
afterAll(() => portal.close());

const viewOf = (agent: FakeAgent) => administrator.getProduct({ params: { id: agent.identity.product } });

async function send(agent: FakeAgent, total: number): Promise<void> {
  await agent.spool.append("threat-events", [makeThreatEvent()]);
  agent.link.sendNow();
  await eventually(
    () => viewOf(agent),
    ({ records }) => records.received === total,
  );
}

function putCase(agent: FakeAgent) {
  const body = {
    endpoint: newId<EndpointId>(),
    host: "clinic-pc-1",
    threats: [newId<ThreatId>()],
    events: [],
    note: "please look",
    openedBy: "operator",
    openedAt: "2026-11-24T09:00:00Z",
    state: "submitted",
  };
  const headers = { "content-type": "application/json" };
  const path = `/link/v1/cases/${newId<CaseId>()}`;
  return callLink(portal, agent, { method: "PUT", path, headers, body: JSON.stringify(body) });
}

test("after a change of password a registered product goes on in everything; only a new registration needs the new one", async () => {
  await using agent = await portal.product(administrator, customer);
  agent.start();
  await send(agent, 1);
  const before = await viewOf(agent);

  const { password } = await administrator.newCustomerPassword({ params: { id: customer.id } });
  await send(agent, 2);
  await agent.switchTo("ssh");
  await send(agent, 3);
  const told = agent.states.length;
  agent.link.tellNow();
  await agent.until(({ phase }) => phase === "connected" && agent.states.length > told);
  const opened = await putCase(agent);
  const pattern = await callLink(portal, agent, { method: "GET", path: "/link/v1/patterns/metadata/1.root.json" });
  await administrator.renewProduct({ params: { id: agent.identity.product } });
  const renewed = await eventually(
    () => viewOf(agent),
    (view) => view.certificate.renewedTimes === 1,
  );
  const old = portal.product(administrator, customer);
  await expect(old).rejects.toMatchObject({ code: "link.credentials_wrong" });
  await using fresh = await portal.product(administrator, { ...customer, password });

  expect([opened.status, pattern.status]).toEqual([200, 200]);
  expect(renewed).toMatchObject({ state: "online", registration: "registered", records: { received: 3, lost: 0 } });
  expect(renewed.certificate.fingerprint).not.toBe(before.certificate.fingerprint);
  expect(agent.states.flatMap(({ lastError }) => lastError?.code ?? [])).toEqual([]);
  expect(fresh.identity.product).not.toBe(agent.identity.product);
});

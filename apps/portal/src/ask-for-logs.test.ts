import { makeThreatEvent } from "@tms/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, type CustomerForTest, eventually, PortalUnderTest } from "./portal-under-test.contract.ts";

// The schedule at the whole portal: what a product says of it is shown, and a person can ask for the logs before it.

let portal: PortalUnderTest;
let administrator: Api;
let customer: CustomerForTest;

beforeAll(async () => {
  portal = await PortalUnderTest.start();
  administrator = portal.api(await portal.setUp());
  customer = await portal.addCustomer(administrator, "Clinic Main");
});
afterAll(() => portal.close());

test("a product that sends once a day is asked for its logs, and they come now", async () => {
  await using agent = await portal.product(administrator, customer);
  const id = agent.identity.product;
  const view = () => administrator.getProduct({ params: { id } });
  agent.link.setFrequency(1440);
  agent.start();
  const first = await eventually(view, (one) => one.schedule?.lastRun?.endedAt != null);
  await agent.spool.append("threat-events", [makeThreatEvent()]);

  await administrator.askForLogs({ params: { id } });
  await eventually(
    async () => agent.directives,
    (given) => given.length > 0,
  );
  agent.link.sendNow();
  const sent = await eventually(view, (one) => one.records.received === 1);

  expect(first.schedule).toMatchObject({ everyMinutes: 1440, lastRun: { ok: true, code: null } });
  expect(new Date(first.schedule?.nextAt ?? 0).getTime()).toBeGreaterThan(Date.now());
  expect(agent.directives.map((one) => one.kind)).toEqual(["send-now"]);
  expect(sent.records).toMatchObject({ received: 1, lost: 0 });
  const audited = (await administrator.portalAudit({ query: {} })).rows.filter((row) => row.subject === id);
  expect(audited.map((row) => [row.action, row.actor])).toContainEqual(["product.logs-asked", "admin"]);
});

test("an expert may not ask, and a removed product is not asked", async () => {
  await using agent = await portal.product(administrator, customer);
  const params = { id: agent.identity.product };
  const expert = portal.api({ cookie: (await portal.expert(administrator, "expert.logs")).cookie });

  const refused = expert.askForLogs({ params });
  await expect(refused).rejects.toMatchObject({ code: "session.forbidden" });
  const { name } = await administrator.getProduct({ params });
  await administrator.removeProduct({ params, body: { typedName: name } });

  await expect(administrator.askForLogs({ params })).rejects.toMatchObject({ code: "product.unknown" });
});

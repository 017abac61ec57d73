import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, type CustomerForTest, eventually, PortalUnderTest } from "./portal-under-test.contract.ts";

// The interval of one customer at the whole portal: its products are told, shown and judged by it, and no others.

let portal: PortalUnderTest;
let administrator: Api;
let slow: CustomerForTest;
let usual: CustomerForTest;

beforeAll(async () => {
  portal = await PortalUnderTest.start();
  administrator = portal.api(await portal.setUp());
  slow = await portal.addCustomer(administrator, "Thin line");
  usual = await portal.addCustomer(administrator, "Usual");
  await administrator.changeCustomer({
    params: { id: slow.id },
    body: { heartbeat: { intervalSeconds: 300, offlineAfterMinutes: 60 } },
  });
});
afterAll(() => portal.close());

test("each product is told its customer's interval, and the page says it", async () => {
  await using one = await portal.product(administrator, slow);
  await using other = await portal.product(administrator, usual);
  const viewOf = (agent: typeof one) => administrator.getProduct({ params: { id: agent.identity.product } });
  one.start();
  other.start();

  const [slowView, usualView] = await Promise.all(
    [one, other].map((agent) =>
      eventually(
        () => viewOf(agent),
        ({ state }) => state === "online",
      ),
    ),
  );

  expect([slowView?.heartbeatSeconds, usualView?.heartbeatSeconds]).toEqual([300, 60]);
  expect([slowView?.state, usualView?.state]).toEqual(["online", "online"]);
});

test("an interval below 15 s or over 5 min is refused, an expert may set none, and who did stands in the audit log", async () => {
  const params = { id: usual.id };
  const expert = portal.api({ cookie: (await portal.expert(administrator, "expert.interval")).cookie });

  for (const intervalSeconds of [14, 301]) {
    await expect(
      administrator.changeCustomer({ params, body: { heartbeat: { intervalSeconds } } }),
    ).rejects.toMatchObject({ code: "request.malformed" });
  }
  await expect(expert.changeCustomer({ params, body: { heartbeat: {} } })).rejects.toMatchObject({
    code: "session.forbidden",
  });
  const audited = (await administrator.portalAudit({ query: {} })).rows.filter((one) => one.subject === slow.id);
  expect(audited.map(({ action, detail }) => [action, detail])).toContainEqual([
    "customer.changed",
    { heartbeat: { intervalSeconds: 300, offlineAfterMinutes: 60 } },
  ]);
});

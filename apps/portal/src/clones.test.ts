import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeAgent, makeThreatEvent } from "@tms/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { callLink } from "./link-call.contract.ts";
import { type Api, type CustomerForTest, eventually, PortalUnderTest } from "./portal-under-test.contract.ts";

// A copied installation at the whole portal: found out, refused on every route, shown with both faces, and cured.

let portal: PortalUnderTest;
let administrator: Api;
let customer: CustomerForTest;

beforeAll(async () => {
  portal = await PortalUnderTest.start();
  administrator = portal.api(await portal.setUp());
  customer = await portal.addCustomer(administrator, "Clinic Main");
});
afterAll(() => portal.close());

const viewOf = (product: FakeAgent) => administrator.getProduct({ params: { id: product.identity.product } });

async function copyOf(agent: FakeAgent): Promise<FakeAgent> {
  const directory = await mkdtemp(join(tmpdir(), "tms-clone-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await cp(agent.directory, directory, { recursive: true });
  return FakeAgent.over(directory, agent, { host: "the-copy" });
}

test("a cloned product is refused everywhere and shown with both machines, until each is registered anew", async () => {
  await using agent = await portal.product(administrator, customer);
  await using neighbour = await portal.product(administrator, customer);
  agent.start();
  neighbour.start();
  await agent.spool.append("threat-events", [makeThreatEvent()]);
  const before = await eventually(
    () => viewOf(agent),
    (view) => view.records.received === 1,
  );
  await using clone = await copyOf(agent);

  clone.start();
  await Promise.all([agent, clone].map((one) => one.until((state) => state.phase === "refused")));
  const logs = await callLink(portal, agent, { to: "ssl", method: "POST", path: "/link/v1/logs/threat-events" });
  const renewal = await callLink(portal, agent, { method: "POST", path: "/link/v1/renew" });
  const shown = await viewOf(agent);
  const listed = (await administrator.listProducts({ query: {} })).rows.find((row) => row.id === shown.id);

  expect([before.identity, before.speakers]).toEqual(["one", []]);
  expect([agent, clone].map((one) => one.link.state().lastError?.code)).toEqual([
    "link.identity_clone",
    "link.identity_clone",
  ]);
  expect([logs.code, renewal.code]).toEqual(["link.identity_clone", "link.identity_clone"]);
  expect([shown.identity, shown.state, shown.needsSomebody]).toEqual(["clone-suspected", "clone-suspected", true]);
  expect(shown.speakers.map((speaker) => speaker.host).sort()).toEqual(["fake-agent", "the-copy"]);
  expect(listed).toMatchObject({ identity: "clone-suspected", records: { received: 1, lost: 0 } });
  expect(neighbour.link.state().phase).toBe("connected");
  const audited = (await administrator.portalAudit({ query: {} })).rows.filter((row) => row.subject === shown.id);
  expect(audited.filter((row) => row.action === "product.clone-found")).toHaveLength(1);

  await clone.registerAnew();
  clone.start();
  await clone.until((state) => state.phase === "connected");

  const cured = await viewOf(clone);
  expect(cured.id).not.toBe(shown.id);
  expect(cured.identity).toBe("one");
});

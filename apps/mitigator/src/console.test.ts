import { mitigatorRoutes } from "@tms/contracts/mitigator";
import { type DirectiveId, newId } from "@tms/records";
import { FakePortal, makeThreatEvent } from "@tms/testkit";
import { describe, expect, test } from "vitest";
import { enrolAgent, makeDatabase, register, startTestSite, until } from "#app/test-site.contract.ts";

describe("the mitigator as a whole", () => {
  test("every route of the console exists, and answers nobody who is not logged on", async () => {
    const site = await startTestSite({ database: await makeDatabase() });
    const guarded = Object.values(mitigatorRoutes).filter(({ identity }) => identity.kind === "session");

    const answers = await Promise.all(
      guarded.map(async ({ method, path }) => {
        const url = path.replace(/:id/, newId<string>());
        const answer = await site.console.inject({ method, url, ...(method === "GET" ? {} : { payload: {} }) });
        return `${method} ${path} ${answer.statusCode} ${answer.json<{ code: string }>().code}`;
      }),
    );
    await site.remove();

    expect(answers).toEqual(guarded.map(({ method, path }) => `${method} ${path} 401 session.required`));
  });

  test("after a stop and a start it is the same product with the same endpoints, and goes on sending", async () => {
    const portal = await FakePortal.start();
    const database = await makeDatabase();
    const first = await startTestSite({ database });
    await register(first, portal);
    const { token } = await first.api.makeEnrolmentToken({ body: { uses: 1, validHours: 1 } });
    const agent = await enrolAgent(token);
    await agent.spool.append("threat-events", [makeThreatEvent()]);
    await until(async () => (await first.api.listEvents({ query: {} })).total === 1);
    await agent.stop();
    await first.stop();

    const second = await startTestSite({ database, directory: first.directory });
    const product = [...portal.products.keys()][0] ?? newId();
    await portal.until(async () => (await portal.records(product, "threat-events")).length === 1);
    const shown = await until(async () => {
      const now = await second.api.getPortalConnection({});
      return now.state === "connected" ? now : null;
    });
    const endpoints = await second.api.listEndpoints({ query: {} });
    await second.remove();
    await portal.close();

    expect(portal.products.size).toBe(1);
    expect(shown.registration?.product).toBe(product);
    expect(endpoints.rows.map(({ id }) => id)).toEqual([agent.endpoint]);
  });

  test("an event says since when the portal has it", async () => {
    const portal = await FakePortal.start();
    const site = await startTestSite({ database: await makeDatabase() });
    await register(site, portal);
    const { token } = await site.api.makeEnrolmentToken({ body: { uses: 1, validHours: 1 } });
    const agent = await enrolAgent(token);
    const event = makeThreatEvent();

    await agent.spool.append("threat-events", [event]);
    await until(async () => (await site.api.listEvents({ query: {} })).total === 1);
    const since = await until(async () => (await site.api.getEvent({ params: { id: event.id } })).atPortalSince);
    portal.order([...portal.products.keys()][0] ?? newId(), {
      id: newId<DirectiveId>(),
      kind: "send-now",
      expiresAt: new Date(Date.now() + 60_000).toISOString(),
      payload: {},
    });
    await portal.until(() => portal.outcomes.length === 1);
    await agent.stop();
    await site.remove();
    await portal.close();

    expect(since).toMatch(/^2/);
    expect(portal.outcomes[0]?.ok).toBe(true);
  });
});

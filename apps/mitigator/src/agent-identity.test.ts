import { identityInForce } from "@tms/link/lower";
import { type DirectiveId, newId } from "@tms/records";
import { FakePortal, makeThreatEvent, type TestDatabase } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import type { MitigatorTables } from "./app.ts";
import { callLink, type Speaker } from "./link-call.contract.ts";
import {
  enrolAgent,
  makeDatabase,
  readToken,
  register,
  settingsFor,
  startTestSite,
  type TestAgent,
  until,
} from "./test-site.contract.ts";

// The hop below: agents renew at their mitigator through the same link, and the mitigator renews at its portal.

async function open() {
  const portal = await FakePortal.start();
  const database = await makeDatabase();
  const site = await startTestSite({ database });
  await register(site, portal);
  onTestFinished(async () => {
    await site.remove();
    await portal.close();
  });
  const { token } = await site.api.makeEnrolmentToken({ body: { uses: 9, validHours: 1 } });
  const enrol = async () => {
    const agent = await enrolAgent(token);
    onTestFinished(() => agent.stop());
    return agent;
  };
  const port = readToken(token).addresses[0]?.port ?? 0;
  /** What the mitigator says to somebody who asks for a pattern that is not there. */
  const ask = async (as: Speaker) => {
    const answer = await callLink(port, as, { method: "GET", path: "/link/v1/patterns/metadata/none.json" });
    return (JSON.parse(answer.body) as { code: string }).code;
  };
  return { portal, database, site, enrol, ask };
}

async function orderRenewal(database: TestDatabase<MitigatorTables>, agent: TestAgent): Promise<void> {
  await database.databases.app
    .insertInto("agents_directives")
    .values({
      id: newId<DirectiveId>(),
      endpoint: agent.endpoint,
      kind: "renew",
      payload: "{}" as unknown as Record<string, unknown>,
      created_at: new Date(),
      expires_at: new Date("2099-01-01T00:00:00Z"),
      delivered_at: null,
      outcome_at: null,
      ok: null,
      code: null,
      detail: null,
      handled_at: null,
    })
    .execute();
}

test("an agent renews its key at the mitigator and goes on, and its old key is nobody's", async () => {
  const { site, database, enrol, ask } = await open();
  const agent = await enrol();
  const old = { identity: agent.identity, keys: { ...agent.keys } };
  await orderRenewal(database, agent);
  agent.link.sendNow();

  await until(async () => agent.keys.tlsPrivatePem !== old.keys.tlsPrivatePem);
  const events = [makeThreatEvent({ endpoint: agent.endpoint }), makeThreatEvent({ endpoint: agent.endpoint })];
  await agent.spool.append("threat-events", events);
  await until(async () => (await site.api.listEvents({ query: {} })).total === 2);
  const renewed = { identity: await identityInForce(agent.keys, agent.identity), keys: agent.keys };

  expect([await ask(old), await ask(renewed)]).toEqual(["link.identity_unknown", "request.not_found"]);
  expect((await site.api.listEndpoints({ query: {} })).rows).toHaveLength(1);
  const audited = (await site.api.mitigatorAudit({ query: {} })).rows.map((row) => row.action);
  expect(audited).toContain("agent.renewed");
});

test("an agent whose certificate has expired renews by itself", async () => {
  const { database, enrol, ask } = await open();
  const agent = await enrol();
  await agent.link.stop();
  await database.databases.app
    .updateTable("agents_agents")
    .set({ certificate_not_after: new Date(Date.now() - 86_400_000) })
    .where("endpoint", "=", agent.endpoint)
    .execute();
  const refused = await ask(agent);

  const again = agent.reopen();
  onTestFinished(() => again.stop());
  again.start();
  await until(async () => again.state().phase === "connected");

  expect(refused).toBe("link.identity_expired");
});

test("a mitigator that renewed at its portal goes on with the renewed identity after its settings were saved again", async () => {
  const { portal, site } = await open();
  const [product] = [...portal.products.values()];
  const before = product?.spki;
  portal.order(product?.peer.product ?? newId(), {
    id: newId<DirectiveId>(),
    kind: "renew",
    expiresAt: "2099-01-01T00:00:00Z",
    payload: {},
  });
  await portal.until(() => product?.spki !== before);

  for (const sending of [false, true]) {
    const settings = settingsFor(portal, { sending });
    await site.api.savePortalConnection({ body: { settings, confirmUntested: true } });
  }
  const seen = portal.heartbeats.length;
  await portal.until(() => portal.heartbeats.length > seen);

  expect(portal.products.size).toBe(1);
});

test("an agent that a person removes hears it in its open long poll; the typed name confirms which one", async () => {
  const { site, enrol } = await open();
  const agent = await enrol();
  const other = await enrol();
  await until(async () => agent.link.state().phase === "connected" && other.link.state().phase === "connected");

  const wrongName = await codeOf(site.api.removeAgent({ params: { id: agent.endpoint }, body: { typedName: "x" } }));
  await site.api.removeAgent({ params: { id: agent.endpoint }, body: { typedName: "host-1" } });
  await until(async () => agent.link.state().phase === "refused");

  expect(wrongName).toBe("confirmation.name_differs");
  expect(agent.link.state().lastError?.code).toBe("link.identity_revoked");
  expect(other.link.state().phase).toBe("connected");
  expect((await site.api.mitigatorAudit({ query: {} })).rows.map((row) => row.action)).toContain("agent.removed");
});

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "served";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

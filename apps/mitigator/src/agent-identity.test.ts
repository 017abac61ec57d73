import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLowerKeys, createLowerLink, identityInForce, type LowerLink, openSpool } from "@tms/link/lower";
import { type DirectiveId, newId, STREAMS, systemClock } from "@tms/records";
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
  return { portal, database, site, enrol, ask, token };
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

/** Another machine with a copy of the agent's directory. */
async function cloneOf(agent: TestAgent): Promise<LowerLink> {
  const directory = await mkdtemp(join(tmpdir(), "tms-agent-copy-"));
  await cp(join(agent.keys.directory, ".."), directory, { recursive: true });
  const keys = await createLowerKeys(join(directory, "keys"));
  const spool = await openSpool({ directory: join(directory, "spool"), streams: STREAMS, clock: systemClock });
  const address = agent.address;
  const link = createLowerLink({
    keys,
    identity: await identityInForce(keys, agent.identity),
    statusServer: address,
    logServer: { ...address, protocol: "ssl" },
    spool,
    describe: () => ({
      version: "1.0.0",
      host: "the-copy",
      instanceId: crypto.randomUUID(),
      ready: { ok: true, reasons: [] },
      sending: "on",
    }),
    onDirective: async ({ id }) => ({ id, ok: true }),
    clock: systemClock,
    log: { info: () => {}, warn: () => {} },
    maxWaitSeconds: 1,
  });
  onTestFinished(async () => {
    await link.stop();
    await spool.close();
    await rm(directory, { recursive: true, force: true });
  });
  return link;
}

test("a copied agent is found out; both are refused, and the keys that they share enrol nobody again", async () => {
  const { site, enrol, token } = await open();
  const agent = await enrol();
  await until(async () => agent.link.state().phase === "connected");
  const clone = await cloneOf(agent);

  clone.start();
  // Its long poll must not hold the answer to the challenge up.
  await until(async () => {
    agent.link.sendNow();
    return agent.link.state().phase === "refused" && clone.state().phase === "refused";
  });
  const sameKeys = await codeOf(enrolAgent(token, { directory: join(agent.keys.directory, "..") }));

  expect([agent.link.state().lastError?.code, clone.state().lastError?.code]).toEqual([
    "link.identity_clone",
    "link.identity_clone",
  ]);
  expect(sameKeys).toBe("link.identity_clone");
  const audited = (await site.api.mitigatorAudit({ query: {} })).rows.map((row) => row.action);
  expect(audited.filter((action) => action === "agent.clone-found")).toHaveLength(1);
});

test("a mitigator that the portal knows as one of two becomes another product when its settings are saved again", async () => {
  const { portal, site } = await open();
  const [first] = [...portal.products.values()];
  await portal.until(() => portal.heartbeats.length > 0);
  const instance = portal.heartbeats[0]?.instanceId;
  portal.registrations.setCloned(first?.peer.product ?? newId());
  await until(async () => (await site.api.getPortalConnection({})).state === "refused");

  await site.api.savePortalConnection({ body: { settings: settingsFor(portal), confirmUntested: true } });
  const [, second] = [...portal.products.values()];
  await portal.until(() => portal.heartbeats.some((one) => one.instanceId !== instance));

  expect(second?.peer.product).not.toBe(first?.peer.product);
  expect(second?.spki).not.toBe(first?.spki);
  expect(second?.peer.signingKeySpki).not.toEqual(first?.peer.signingKeySpki);
  expect(second?.request.instanceId).not.toBe(first?.request.instanceId);
});

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "served";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

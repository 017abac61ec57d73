import type { BatchAnswer, Directive } from "@tms/contracts/link";
import { AppError, type DirectiveId, newId } from "@tms/records";
import { ChaosProxy, FakeAgent, FakePortal, makeThreatEvent } from "@tms/testkit";
import { describe, expect, test } from "vitest";

const STREAM = "threat-events" as const;

function directive(change: Partial<Directive> = {}): Directive {
  return {
    id: newId<DirectiveId>(),
    kind: "scan",
    expiresAt: "2099-01-01T00:00:00Z",
    payload: { paths: [] },
    ...change,
  };
}

describe("reacts to every answer", () => {
  test.each<[BatchAnswer["outcome"], number]>([
    ["damaged", 1],
    ["epoch-unknown", 1],
    ["gap", 1],
    ["fork", 1],
  ])("%s: the records arrive all the same", async (outcome, times) => {
    await using portal = await FakePortal.start();
    await using agent = await FakeAgent.create({ portal });
    for (let count = 0; count < times; count += 1) portal.scripted.push({ outcome, code: "batch.gap", position: null });
    const records = [makeThreatEvent(), makeThreatEvent()];
    await agent.spool.append(STREAM, records);

    agent.start();
    await portal.until(() => (portal.store.position(agent.identity.product, STREAM)?.next ?? 0) >= 2);

    expect(await portal.records(agent.identity.product, STREAM)).toEqual(records);
  });

  test("rejected: a gap batch takes its numbers and the next batch continues", async () => {
    await using portal = await FakePortal.start();
    await using agent = await FakeAgent.create({ portal, spoolLimits: { sealRecords: 1 } });
    portal.scripted.push({ outcome: "rejected", code: "batch.rejected", position: null });
    const records = [makeThreatEvent(), makeThreatEvent()];
    await agent.spool.append(STREAM, records);

    agent.start();
    const { product } = agent.identity;
    await portal.until(() => portal.store.position(product, STREAM)?.next === 2);

    expect(portal.store.batches(product, STREAM).map((one) => "gap" in one.header)).toEqual([true, false]);
    expect(await portal.records(product, STREAM)).toEqual(records.slice(1));
  });
});

test("an upper party restored from a backup gets again what it lost", async () => {
  await using portal = await FakePortal.start();
  await using agent = await FakeAgent.create({ portal, spoolLimits: { sealRecords: 1 } });
  const { product } = agent.identity;
  const records = [makeThreatEvent(), makeThreatEvent(), makeThreatEvent()];
  await agent.spool.append(STREAM, records);
  agent.start();
  await portal.until(() => portal.store.position(product, STREAM)?.next === 3);

  portal.store.forgetFrom(product, STREAM, 1);
  await agent.spool.append(STREAM, [makeThreatEvent()]);
  await portal.until(() => portal.store.position(product, STREAM)?.next === 4);

  const ids = (await portal.records(product, STREAM)).map((record) => record.id);
  expect(ids.slice(0, 3)).toEqual(records.map((record) => record.id));
  expect(new Set(ids).size).toBe(4);
});

describe.each(["ssl", "ssh"] as const)("over %s", (protocol) => {
  test("a line that is cut in the middle of a batch loses nothing and doubles nothing", async () => {
    await using portal = await FakePortal.start();
    await using proxy = await ChaosProxy.start({ host: portal.host, port: portal.ports[protocol] });
    await using agent = await FakeAgent.create({ portal, protocol, logPort: proxy.port });
    proxy.chaos = { cutAfterBytes: 4000, reset: true };
    const records = Array.from({ length: 200 }, () => makeThreatEvent());
    await agent.spool.append(STREAM, records);

    agent.start();
    await portal.until(async () => {
      if (agent.states.some((state) => state.lastError !== null)) proxy.chaos = {};
      return portal.store.position(agent.identity.product, STREAM)?.next === 200;
    });

    expect(await portal.records(agent.identity.product, STREAM)).toEqual(records);
    expect(proxy.connections).toBeGreaterThan(1);
  });

  test("a portal that goes away in between gets the rest when it is back", async () => {
    await using portal = await FakePortal.start();
    await using agent = await FakeAgent.create({ portal, protocol });
    const [first, second] = [makeThreatEvent(), makeThreatEvent()];
    agent.start();
    await agent.spool.append(STREAM, [first]);
    await portal.until(() => portal.store.position(agent.identity.product, STREAM)?.next === 1);

    await portal.hangUp();
    await agent.spool.append(STREAM, [second]);
    await portal.listen();
    await portal.until(() => portal.store.position(agent.identity.product, STREAM)?.next === 2);

    expect(await portal.records(agent.identity.product, STREAM)).toEqual([first, second]);
  });
});

describe("directives", () => {
  test("are done once, and their outcome arrives", async () => {
    await using portal = await FakePortal.start();
    await using agent = await FakeAgent.create({ portal });
    const order = directive();
    portal.order(agent.identity.product, order);

    agent.start();
    await portal.until(() => portal.outcomes.length > 0);

    expect(agent.directives).toEqual([order]);
    expect(portal.outcomes).toEqual([{ id: order.id, ok: true }]);
  });

  test("that come again are answered from memory, also after a restart", async () => {
    await using portal = await FakePortal.start();
    await using agent = await FakeAgent.create({ portal });
    const order = directive();
    portal.order(agent.identity.product, order);
    agent.start();
    await portal.until(() => portal.outcomes.length === 1);

    await agent.stop();
    portal.order(agent.identity.product, order);
    await agent.open();
    agent.start();
    await portal.until(() => portal.outcomes.length === 2);

    expect(agent.directives).toHaveLength(1);
  });

  test("that have expired by the server's clock are not done", async () => {
    await using portal = await FakePortal.start();
    await using agent = await FakeAgent.create({ portal });
    portal.order(agent.identity.product, directive({ expiresAt: "2020-01-01T00:00:00Z" }));

    agent.start();
    await portal.until(() => portal.outcomes.length > 0);

    expect(agent.directives).toEqual([]);
    expect(portal.outcomes[0]).toMatchObject({ ok: false, code: "directive.expired" });
  });

  test("that need the line wait for it instead of failing", async () => {
    await using portal = await FakePortal.start();
    const order = directive();
    let tries = 0;
    const onDirective = async () => {
      tries += 1;
      if (tries === 1) throw new AppError("link.unreachable", { status: 502 });
      return { id: order.id, ok: true };
    };
    await using agent = await FakeAgent.create({ portal, onDirective });
    portal.order(agent.identity.product, order);

    agent.start();
    await portal.until(() => portal.outcomes.length > 0);

    expect(portal.outcomes).toEqual([{ id: order.id, ok: true }]);
    expect(tries).toBe(2);
  });

  test("that fail say so with a code", async () => {
    await using portal = await FakePortal.start();
    await using agent = await FakeAgent.create({ portal, onDirective: () => Promise.reject(new Error("broken")) });
    portal.order(agent.identity.product, directive());

    agent.start();
    await portal.until(() => portal.outcomes.length > 0);

    expect(portal.outcomes[0]).toMatchObject({ ok: false, code: "server.internal" });
  });
});

test("a new start names the starts before it, and its counters rise", async () => {
  await using portal = await FakePortal.start();
  await using agent = await FakeAgent.create({ portal });
  agent.start();
  await portal.until(() => portal.heartbeats.length > 0);
  await agent.stop();
  await agent.open();
  agent.start();
  const [first] = portal.heartbeats;
  await portal.until(() => portal.heartbeats.some((one) => one.start !== first?.start));

  const second = portal.heartbeats.find((one) => one.start !== first?.start);
  expect(second?.earlierStarts).toEqual([first?.start]);
});

test("a revoked product stops and shows its cure", async () => {
  await using portal = await FakePortal.start();
  await using agent = await FakeAgent.create({ portal });
  portal.setRegistration(agent.identity.product, "revoked");

  agent.start();
  await agent.until((state) => state.phase === "refused");

  expect(agent.link.state().lastError).toMatchObject({ code: "link.identity_revoked" });
  expect(portal.heartbeats).toEqual([]);
});

test("a restart does not make it look as if nothing had ever been sent", async () => {
  await using portal = await FakePortal.start();
  await using agent = await FakeAgent.create({ portal });
  await agent.spool.append(STREAM, [makeThreatEvent()]);
  agent.start();
  await portal.until(() => agent.link.state().lastLogsAt !== null);
  const sentAt = agent.link.state().lastLogsAt;

  await agent.stop();
  await agent.open();

  expect(agent.link.state().lastLogsAt?.getTime()).toBeLessThanOrEqual(sentAt?.getTime() ?? 0);
});

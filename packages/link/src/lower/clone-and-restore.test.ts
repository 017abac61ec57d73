import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChaosProxy, FakeAgent, FakePortal, makeThreatEvent } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";

// Both ends for real: what a copied and what a restored directory does, and what the upper party makes of it.

const STREAM = "threat-events" as const;

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "tms-copy-"));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

async function copyOf(agent: FakeAgent): Promise<string> {
  const copy = await folder();
  await cp(agent.directory, copy, { recursive: true });
  return copy;
}

const idsOf = async (portal: FakePortal, agent: FakeAgent) =>
  (await portal.records(agent.identity.product, STREAM)).map((record) => record.id);

test("a copy of a running installation is found out; both stop, are shown, and show the cure", async () => {
  await using portal = await FakePortal.start();
  await using agent = await FakeAgent.create({ portal, maxWaitSeconds: 1 });
  const { product } = agent.identity;
  agent.start();
  await agent.spool.append(STREAM, [makeThreatEvent()]);
  await portal.until(() => portal.store.position(product, STREAM)?.next === 1);
  await using clone = await FakeAgent.over(await copyOf(agent), agent, { host: "the-copy" });

  clone.start();
  await Promise.all([agent, clone].map((one) => one.until((state) => state.phase === "refused")));

  const codes = [agent, clone].map((one) => one.link.state().lastError?.code);
  expect(codes).toEqual(["link.identity_clone", "link.identity_clone"]);
  const faces = portal.starts
    .get(product)
    ?.watch?.clone?.faces.map((face) => face.host)
    .sort();
  expect(faces).toEqual(["fake-agent", "the-copy"]);
  expect(agent.link.state().lastError?.cure).toContain("Register");
});

test("a clone is cured by registering anew with fresh keys: the two are two products, and both are served", async () => {
  await using portal = await FakePortal.start();
  await using agent = await FakeAgent.create({ portal, maxWaitSeconds: 1 });
  agent.start();
  await agent.until((state) => state.phase === "connected");
  await using clone = await FakeAgent.over(await copyOf(agent), agent, { host: "the-copy" });
  clone.start();
  await Promise.all([agent, clone].map((one) => one.until((state) => state.phase === "refused")));
  const before = { tls: clone.keys.tlsPrivatePem, signing: clone.keys.signingPrivatePem };

  await Promise.all([agent, clone].map((one) => one.registerAnew()));
  const event = makeThreatEvent();
  await clone.spool.append(STREAM, [event]);
  for (const one of [agent, clone]) one.start();
  await Promise.all([agent, clone].map((one) => one.until((state) => state.phase === "connected")));
  await portal.until(() => portal.store.position(clone.identity.product, STREAM)?.next === 1);

  expect(clone.identity.product).not.toBe(agent.identity.product);
  expect([clone.keys.tlsPrivatePem, clone.keys.signingPrivatePem]).not.toEqual([before.tls, before.signing]);
  expect(await idsOf(portal, clone)).toEqual([event.id]);
});

test("yesterday's backup waits, goes on under a new epoch once the other is silent, and loses nothing that it has", async () => {
  await using portal = await FakePortal.start({ silenceMs: 1500 });
  await using agent = await FakeAgent.create({ portal, maxWaitSeconds: 1 });
  const { product } = agent.identity;
  const [first, lost, later] = [makeThreatEvent(), makeThreatEvent(), makeThreatEvent()];
  agent.start();
  await agent.spool.append(STREAM, [first]);
  await portal.until(() => portal.store.position(product, STREAM)?.next === 1);
  await agent.stop();
  const yesterday = await copyOf(agent);
  await agent.open();
  agent.start();
  await agent.spool.append(STREAM, [lost]);
  await portal.until(() => portal.store.position(product, STREAM)?.next === 2);
  const epoch = portal.store.position(product, STREAM)?.epoch;
  await agent.stop();

  await using restored = await FakeAgent.over(yesterday, agent);
  await restored.spool.append(STREAM, [later]);
  restored.start();
  await restored.until((state) => state.lastError?.code === "link.identity_diverged");
  const whileWaiting = await idsOf(portal, agent);
  await portal.until(async () => (await idsOf(portal, agent)).includes(later.id));

  expect(whileWaiting).toEqual([first.id, lost.id]);
  // What the backup held unacknowledged may come again, under its own id.
  expect(new Set(await idsOf(portal, agent))).toEqual(new Set([first.id, lost.id, later.id]));
  expect(portal.store.position(product, STREAM)?.epoch).not.toBe(epoch);
  expect(portal.judged).toContain("restored");
  expect(portal.judged).not.toContain("clone");
});

test("answers that are lost and restarts in between make no clone and lose no record", async () => {
  await using portal = await FakePortal.start();
  await using proxy = await ChaosProxy.start({ host: portal.host, port: portal.ports.status });
  await using agent = await FakeAgent.create({ portal, statusPort: proxy.port, maxWaitSeconds: 1 });
  const { product } = agent.identity;
  const records = Array.from({ length: 6 }, () => makeThreatEvent());

  for (const [round, record] of records.entries()) {
    agent.start();
    await agent.spool.append(STREAM, [record]);
    const judged = portal.judged.length;
    // The request has arrived, and its answer is cut off every other time.
    await portal.until(() => portal.judged.length > judged);
    if (round % 2 === 1) proxy.cutAll();
    else await agent.until((state) => state.phase === "connected");
    await agent.stop();
    await agent.open();
  }
  agent.start();
  await portal.until(async () => (await idsOf(portal, agent)).length >= records.length);

  expect(await idsOf(portal, agent)).toEqual(records.map((record) => record.id));
  expect(new Set(portal.judged)).not.toContain("clone");
  expect(portal.products.get(product)?.isCloned).toBe(false);
});

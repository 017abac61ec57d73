import { join } from "node:path";
import { openKeyRoll } from "@tms/link";
import { systemClock } from "@tms/records";
import { FakePortal, makeThreatEvent } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
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

// Keys roll over at both hops of a mitigator: its own CA under its agents, and its portal's keys above it.

async function open() {
  const portal = await FakePortal.start();
  const site = await startTestSite({ database: await makeDatabase() });
  await register(site, portal);
  onTestFinished(async () => {
    await site.remove();
    await portal.close();
  });
  const makeToken = async () => (await site.api.makeEnrolmentToken({ body: { uses: 9, validHours: 1 } })).token;
  const enrol = async (token: string, host = "host-1") => {
    const agent = await enrolAgent(token, { host });
    onTestFinished(() => agent.stop());
    return agent;
  };
  /** One step of the mitigator's own CA, and the running server behind it. */
  const roll = async (step: "begin" | "switch" | "retire", force?: "by force") => {
    const report = await site.roll(step, force);
    await site.takeUpKeys();
    return report;
  };
  const confirmed = (count: number) => until(async () => (await site.roll("status")).confirmed === count);
  const deliver = async (agent: TestAgent, total: number) => {
    await agent.spool.append("threat-events", [makeThreatEvent({ endpoint: agent.endpoint })]);
    await until(async () => (await site.api.listEvents({ query: {} })).total === total);
  };
  return { portal, site, makeToken, enrol, roll, confirmed, deliver };
}

test("a mitigator's CA rolls over under its agents: nothing is lost, nobody enrols anew", async () => {
  const { site, makeToken, enrol, roll, confirmed, deliver } = await open();
  const before = await makeToken();
  const agent = await enrol(before);
  await deliver(agent, 1);

  const begun = await roll("begin");
  agent.link.sendNow();
  await confirmed(1);
  const during = await makeToken();
  await roll("switch");
  const second = await enrol(during, "host-2");
  await deliver(agent, 2);
  await confirmed(2);
  const retired = await roll("retire");
  await deliver(second, 3);
  await deliver(agent, 4);

  expect([readToken(before).caPin, readToken(before).caPins]).toEqual([begun.present, undefined]);
  expect(readToken(during)).toMatchObject({ caPin: begun.present, caPins: [begun.present, begun.next] });
  expect(retired).toMatchObject({ phase: "none", present: begun.next, confirmed: 2, waiting: [] });
  expect((await site.api.listEndpoints({ query: {} })).rows).toHaveLength(2);
  const actions = (await site.api.mitigatorAudit({ query: {} })).rows.map(({ action }) => action);
  expect(actions).toEqual(expect.arrayContaining(["keys.roll-begun", "keys.roll-switched", "keys.roll-retired"]));
});

test("an agent that is away keeps the old CA alive, unless by force; a token of before then enrols nobody, a new one does", async () => {
  const { site, makeToken, enrol, roll } = await open();
  const token = await makeToken();
  const agent = await enrol(token);
  await until(async () => agent.link.state().phase === "connected");
  await agent.link.stop();
  await roll("begin");
  await roll("switch");

  const refused = await roll("retire").catch((error: unknown) => error);
  await roll("retire", "by force");
  const again = agent.reopen();
  onTestFinished(() => again.stop());
  again.start();
  await until(async () => again.state().lastError !== null);
  const late = await enrolAgent(token).catch((error: unknown) => error);
  const anew = await enrol(await makeToken(), "host-2");

  expect(refused).toMatchObject({ code: "roll.unconfirmed", details: { inAll: 1 } });
  expect(again.state()).toMatchObject({ phase: "not-answering", lastError: { code: "link.pin_mismatch" } });
  expect(late).toMatchObject({ code: "link.pin_mismatch" });
  await until(async () => anew.link.state().phase === "connected");
  const retired = (await site.api.mitigatorAudit({ query: {} })).rows.find(
    ({ action }) => action === "keys.roll-retired",
  );
  expect(retired?.detail).toMatchObject({ forced: true, leftOut: [{ id: agent.endpoint, name: "host-1" }] });
});

test("a mitigator has no SSH host key to roll over", async () => {
  const { rollMitigatorKey } = await import("./roll-keys.ts");
  const nothing = { agents: {}, endpoints: {}, audit: {}, dataDir: "/nowhere" } as never;

  const rolling = rollMitigatorKey({ key: "ssh-host-key", step: "begin", force: false, by: "host root" }, nothing);

  await expect(rolling).rejects.toMatchObject({ code: "cli.usage" });
});

/** One step of the portal's key, and its servers as they are after it. */
async function rollPortal(
  portal: FakePortal,
  key: "ca" | "ssh-host-key",
  steps: ("begin" | "switchOver" | "retire")[],
) {
  const directory = join(portal.directory, key === "ca" ? "ca" : "ssh");
  for (const step of steps) await openKeyRoll(key, { directory, clock: systemClock })[step]();
  await portal.hangUp();
  await portal.listen();
}

test("the settings page follows the portal's keys: what it holds can be tested and saved after they have rolled over", async () => {
  const { portal, site } = await open();
  const pins = async () => {
    const { settings } = await site.api.getPortalConnection({});
    return [settings?.caPins, settings?.sshHostKeys];
  };
  const followed = () =>
    until(async () => {
      return (
        JSON.stringify(await pins()) === JSON.stringify([portal.authority.pins(), portal.sshHostKey.fingerprints()])
      );
    });
  await followed();

  for (const key of ["ca", "ssh-host-key"] as const) {
    await rollPortal(portal, key, ["begin"]);
    await followed();
    await rollPortal(portal, key, ["switchOver", "retire"]);
    await followed();
  }
  const { settings } = await site.api.getPortalConnection({});
  if (settings === null) throw new Error("no settings");
  const saved = await site.api.savePortalConnection({ body: { settings: { ...settings, frequencyMinutes: 60 } } });

  expect(saved.registration).not.toBeNull();
  expect(portal.products.size).toBe(1);
});

test("a mitigator that was away until the old CA was gone says so, and new connection details are its cure", async () => {
  const { portal, site } = await open();
  await portal.until(() => portal.heartbeats.length > 0);
  const before = settingsFor(portal);
  await site.api.savePortalConnection({ body: { settings: { ...before, sending: false }, confirmUntested: true } });
  await rollPortal(portal, "ca", ["begin", "switchOver", "retire"]);

  await site.api.savePortalConnection({ body: { settings: before } });
  const lost = await until(async () => {
    const now = await site.api.getPortalConnection({});
    return now.lastError === null ? null : now;
  });
  await site.api.savePortalConnection({ body: { settings: settingsFor(portal), confirmUntested: true } });
  const cured = await until(async () => {
    const now = await site.api.getPortalConnection({});
    return now.state === "connected" ? now : null;
  });

  expect([lost.state, lost.lastError?.code]).toEqual(["not-answering", "link.pin_mismatch"]);
  expect(cured.settings?.caPins).toEqual(portal.authority.pins());
  expect(portal.products.size).toBe(1);
});

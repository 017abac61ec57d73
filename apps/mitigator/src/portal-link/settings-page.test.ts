import { ApiError } from "@tms/contracts";
import type { Sha256 } from "@tms/records";
import { FakePortal, type FakePortalOptions } from "@tms/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { makeDatabase, settingsFor, startTestSite, until } from "#app/test-site.contract.ts";

describe("the settings page", () => {
  async function open(options: FakePortalOptions = {}) {
    const portal = await FakePortal.start(options);
    const site = await startTestSite({ database: await makeDatabase() });
    onTestFinished(async () => {
      await site.remove();
      await portal.close();
    });
    return {
      portal,
      site,
    };
  }
  type Open = Awaited<ReturnType<typeof open>>;

  async function runTest({ site }: Open, settings: ReturnType<typeof settingsFor>) {
    const begun = await site.api.testPortalConnection({ body: settings });
    return until(async () => {
      const test = await site.api.getConnectionTest({ params: { id: begun.id } });
      return test.finishedAt === null ? null : test;
    });
  }

  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => "no error",
      (error: unknown) => (error instanceof ApiError ? error.code : String(error)),
    );

  test.each(["ssl", "ssh"] as const)("tests, saves and registers over %s, and shows no password", async (protocol) => {
    const world = await open();
    const details = world.portal.connectionDetails();
    const pasted = await world.site.api.readConnectionDetails({ body: details });
    const settings = settingsFor(world.portal, pasted[protocol]);

    const tested = await runTest(world, settings);
    const saved = await world.site.api.savePortalConnection({
      body: { settings, testToken: tested.testToken ?? "" },
    });

    expect(tested.ok).toBe(true);
    expect(saved.registration?.customer.id).toBe(details.customer.id);
    expect(JSON.stringify(saved)).not.toContain(world.portal.password);
    await world.portal.until(() => world.portal.heartbeats.length > 0);
    expect(world.portal.heartbeats[0]).toMatchObject({ sending: "on", ready: { ok: true } });
    const shown = await until(async () => {
      const now = await world.site.api.getPortalConnection({});
      return now.state === "connected" ? now : null;
    });
    expect(shown.lastHeartbeatAt).not.toBeNull();
  });

  test("a wrong password fails at the credentials of both lanes and gives no token", async () => {
    const world = await open();

    const tested = await runTest(world, settingsFor(world.portal, { password: "wrong" }));

    expect(tested).toMatchObject({ ok: false, testToken: null });
    for (const lane of [tested.lanes.logServer, tested.lanes.statusServer]) {
      expect(lane.find((step) => step.state === "failed")).toMatchObject({
        step: "credentials",
        code: "link.credentials_wrong",
      });
    }
  });

  test("a wrong pin fails at the handshake, before any password leaves", async () => {
    const world = await open();
    const caPins = ["0".repeat(64)] as ReturnType<typeof settingsFor>["caPins"];

    const tested = await runTest(world, settingsFor(world.portal, { caPins }));

    expect(tested.lanes.statusServer.find((step) => step.state === "failed")).toMatchObject({
      step: "handshake",
      code: "link.pin_mismatch",
    });
  });

  test("untested values are refused, and saved untested only on purpose, which the audit log keeps", async () => {
    const world = await open();
    const settings = settingsFor(world.portal);

    const refused = await codeOf(world.site.api.savePortalConnection({ body: { settings } }));
    await world.site.api.savePortalConnection({ body: { settings, confirmUntested: true } });

    expect(refused).toBe("settings.untested");
    const audit = await world.site.api.mitigatorAudit({ query: {} });
    expect(audit.rows.map((row) => row.action)).toContain("portal-settings.saved-untested");
  });

  test("a test of other values does not cover these", async () => {
    const world = await open();
    const tested = await runTest(world, settingsFor(world.portal));
    const other = settingsFor(world.portal, {
      protocol: "ssh",
      logServer: world.portal.connectionDetails().logServer.ssh,
    });

    const refused = await codeOf(
      world.site.api.savePortalConnection({ body: { settings: other, testToken: tested.testToken ?? "" } }),
    );

    expect(refused).toBe("settings.untested");
  });

  test("what the portal refuses is not kept", async () => {
    const world = await open();
    const settings = settingsFor(world.portal, { password: "wrong" });

    const refused = await codeOf(world.site.api.savePortalConnection({ body: { settings, confirmUntested: true } }));

    expect(refused).toBe("link.credentials_wrong");
    expect(await world.site.api.getPortalConnection({})).toMatchObject({ settings: null, registration: null });
  });

  test("a portal that answers with another pattern root than the pinned one is fatal, and nothing is kept", async () => {
    const world = await open({ answeredPatternRoot: "f".repeat(64) as Sha256 });

    const refused = await codeOf(
      world.site.api.savePortalConnection({ body: { settings: settingsFor(world.portal), confirmUntested: true } }),
    );

    expect(refused).toBe("link.pattern_root_mismatch");
    expect(await world.site.api.getPortalConnection({})).toMatchObject({ settings: null, registration: null });
  });

  test("two presses of Save at once register one product", async () => {
    const world = await open();
    const body = { settings: settingsFor(world.portal), confirmUntested: true };

    await Promise.all([world.site.api.savePortalConnection({ body }), world.site.api.savePortalConnection({ body })]);

    expect(world.portal.products.size).toBe(1);
  });

  test("a test can be ended, and leaves no step running", async () => {
    const world = await open();
    const begun = await world.site.api.testPortalConnection({ body: settingsFor(world.portal) });

    const ended = await world.site.api.cancelConnectionTest({ params: { id: begun.id } });

    expect(ended.finishedAt).not.toBeNull();
    const states = [...ended.lanes.logServer, ...ended.lanes.statusServer].map(({ state }) => state);
    expect(states.filter((state) => state === "running" || state === "waiting")).toEqual([]);
  });

  test("off says so in one last heartbeat, on goes on with the same registration, unregister asks for the name", async () => {
    const world = await open();
    const settings = settingsFor(world.portal);
    const saved = await world.site.api.savePortalConnection({ body: { settings, confirmUntested: true } });
    await world.portal.until(() => world.portal.heartbeats.length > 0);
    const { password: _, ...kept } = settings;

    const off = await world.site.api.savePortalConnection({ body: { settings: { ...kept, sending: false } } });
    const lastBeat = world.portal.heartbeats.at(-1);
    const on = await world.site.api.savePortalConnection({ body: { settings: { ...kept, sending: true } } });
    const misspelt = await codeOf(world.site.api.unregister({ body: { typedName: "Sight" } }));
    const gone = await world.site.api.unregister({ body: { typedName: "Site" } });

    expect(off.state).toBe("sending-disabled");
    expect(lastBeat?.sending).toBe("disabled");
    expect(on.registration?.product).toBe(saved.registration?.product);
    expect(misspelt).toBe("confirmation.name_differs");
    expect(gone).toMatchObject({ state: "not-registered", registration: null });
    expect([...world.portal.products.values()].map((one) => one.registration)).toEqual(["unregistered"]);
  });
});

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ApiError } from "@tms/contracts";
import { newId } from "@tms/records";
import { ChaosProxy, FakePortal, makeThreatEvent } from "@tms/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { enrolAgent, makeDatabase, settingsFor, startTestSite, until } from "#app/test-site.contract.ts";

/** A mitigator with one agent, registered over lines that are counted. */
async function open(change: Partial<ReturnType<typeof settingsFor>> = {}) {
  const portal = await FakePortal.start();
  const lines = {
    log: await ChaosProxy.start({ host: portal.host, port: portal.ports.ssl }),
    status: await ChaosProxy.start({ host: portal.host, port: portal.ports.status }),
  };
  const site = await startTestSite({ database: await makeDatabase() });
  const settings = settingsFor(portal, {
    logServer: { host: "127.0.0.1", port: lines.log.port },
    statusServer: { host: "127.0.0.1", port: lines.status.port },
    ...change,
  });
  await site.api.savePortalConnection({ body: { settings, confirmUntested: true } });
  const { token } = await site.api.makeEnrolmentToken({ body: { uses: 1, validHours: 1 } });
  const agent = await enrolAgent(token);
  const product = [...portal.products.keys()][0] ?? newId();
  onTestFinished(async () => {
    await agent.stop();
    await site.remove();
    await Promise.all([lines.log.close(), lines.status.close()]);
    await portal.close();
  });
  const { password: _, ...kept } = settings;
  return {
    portal,
    site,
    agent,
    product,
    lines,
    settings: kept,
    connections: () => lines.log.connections + lines.status.connections,
    save: (with_: Partial<typeof kept>, more: { sendMeanwhile?: boolean } = {}) =>
      site.api.savePortalConnection({ body: { settings: { ...kept, ...with_ }, ...more } }),
    detect: async (count: number) => {
      const before = (await site.api.listEvents({ query: {} })).total;
      const events = Array.from({ length: count }, () => makeThreatEvent());
      await agent.spool.append("threat-events", events);
      await until(async () => (await site.api.listEvents({ query: {} })).total === before + count);
      return events.map(({ id }) => id);
    },
    headers: () => portal.store.batches(product, "threat-events").map(({ header }) => header),
    received: async () => (await portal.records(product, "threat-events")).map(({ id }) => id),
  };
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "no error",
    (error: unknown) => (error instanceof ApiError ? error.code : String(error)),
  );

describe("sending off", () => {
  test("opens no connection to either server, however much happens", async () => {
    const world = await open();
    await world.portal.until(() => world.portal.heartbeats.length > 0);
    await world.save({ sending: false });
    const before = world.connections();

    await world.detect(3);
    const refused = await codeOf(world.site.api.sendNow({ body: {} }));
    const shown = await world.site.api.getPortalConnection({});

    expect(refused).toBe("portal.sending_disabled");
    expect(shown).toMatchObject({ state: "sending-disabled", disabled: { records: 3 }, schedule: null });
    expect(world.connections()).toBe(before);
    expect(world.portal.heartbeats.at(-1)?.sending).toBe("disabled");
  });

  test("what happened meanwhile stands as one declared gap", async () => {
    const world = await open();
    await world.save({ sending: false });
    await world.detect(3);

    await world.save({ sending: true });
    await world.portal.until(() => world.headers().length > 0);

    expect(world.headers()).toMatchObject([{ count: 3, gap: { cause: "sending-disabled" } }]);
    expect((await world.site.api.getPortalConnection({})).disabled).toBeNull();
  });

  test("what happened meanwhile is sent whole and once if that is ticked, and no gap is declared", async () => {
    const world = await open();
    await world.save({ sending: false });
    const first = await world.detect(2);
    const second = await world.detect(3);

    await world.save({ sending: true }, { sendMeanwhile: true });
    await world.portal.until(async () => (await world.received()).length === 5);
    const [third] = await world.detect(1);
    await world.portal.until(async () => (await world.received()).length === 6);

    expect(await world.received()).toEqual([...first, ...second, third]);
    expect(world.headers().some((header) => "gap" in header)).toBe(false);
  });

  test("a certificate that expired meanwhile is bought anew, by a password that is typed for it", async () => {
    const world = await open();
    await world.save({ sending: false });
    await world.site.expireCertificate({ renewed: false });

    const refused = await codeOf(world.save({ sending: true }));
    const saved = await world.save({ sending: true, password: world.portal.password } as object);

    expect(refused).toBe("settings.password_again");
    expect(new Date(saved.registration?.certificateNotAfter ?? 0).getTime()).toBeGreaterThan(Date.now());
  });
});

test("a certificate that was renewed since the registration asks for nothing, and its own end is shown", async () => {
  const world = await open();
  await world.site.expireCertificate({ renewed: true });

  const saved = await world.save({ frequencyMinutes: 240 });

  expect(new Date(saved.registration?.certificateNotAfter ?? 0).getTime()).toBeGreaterThan(Date.now());
  expect(world.portal.products.size).toBe(1);
});

describe("the frequency", () => {
  test("holds logs back until Send now, and says when they leave by themselves", async () => {
    const world = await open({ frequencyMinutes: 1440 });
    await until(async () => (await world.site.api.getPortalConnection({})).state === "connected");
    await world.detect(2);
    const before = (await world.received()).length;

    const waiting = await until(async () => {
      const now = await world.site.api.getPortalConnection({});
      return now.spool.records === 2 ? now : null;
    });
    await world.site.api.sendNow({ body: {} });
    await world.portal.until(async () => (await world.received()).length === 2);
    const sent = await until(async () => {
      const now = await world.site.api.getPortalConnection({});
      return now.schedule?.lastRun?.endedAt && now.spool.records === 0 ? now : null;
    });

    expect(before).toBe(0);
    expect(waiting.schedule).toMatchObject({ everyMinutes: 1440 });
    expect(new Date(waiting.schedule?.nextAt ?? 0).getTime()).toBeGreaterThan(Date.now());
    expect(sent.schedule?.lastRun).toMatchObject({ ok: true, code: null });
    expect(world.portal.heartbeats.at(-1)?.schedule).toMatchObject({ everyMinutes: 1440 });
  });

  test("and the bandwidth change without a new connection", async () => {
    const world = await open({ frequencyMinutes: 1440 });
    await until(async () => (await world.site.api.getPortalConnection({})).state === "connected");
    await world.detect(1);
    const before = world.lines.status.connections;

    await world.save({ frequencyMinutes: 0, uploadKbits: 10_000 });
    await world.portal.until(async () => (await world.received()).length === 1);

    expect(world.lines.status.connections).toBe(before);
    expect((await world.site.api.getPortalConnection({})).settings).toMatchObject({ uploadKbits: 10_000 });
  });
});

test("no log line of a mitigator holds its registration password", async () => {
  const world = await open();
  await codeOf(world.save({ password: "another-wrong-one" } as object));

  const log = await readFile(join(world.site.directory, "test.log"), "utf8");

  expect(log).not.toContain(world.portal.password);
});

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ApiError } from "@tms/contracts";
import { FakePortal, FakeProxy, type FakeProxyOptions, makeThreatEvent } from "@tms/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { enrolAgent, makeDatabase, settingsFor, startTestSite, until } from "#app/test-site.contract.ts";

const PLANTED = "planted-proxy-secret-9127";
const LOG_ON = { userName: "mill", password: PLANTED };

async function open(options: FakeProxyOptions) {
  const portal = await FakePortal.start();
  const proxy = await FakeProxy.start(options);
  const site = await startTestSite({ database: await makeDatabase() });
  onTestFinished(async () => {
    await site.remove();
    await proxy.close();
    await portal.close();
  });
  return { portal, proxy, site };
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "no error",
    (error: unknown) => (error instanceof ApiError ? error.code : String(error)),
  );

const KINDS: { name: string; protocol: "ssl" | "ssh"; options: FakeProxyOptions }[] = [
  {
    name: "HTTP with Digest",
    protocol: "ssl",
    options: { kind: "http", logOn: { ...LOG_ON, scheme: "digest-sha256" } },
  },
  { name: "HTTP with Basic", protocol: "ssh", options: { kind: "http", logOn: { ...LOG_ON, scheme: "basic" } } },
  { name: "SOCKS5", protocol: "ssh", options: { kind: "socks5", logOn: LOG_ON } },
];

test.each(KINDS)("behind $name everything goes through the proxy, registration and $protocol logs too", async (row) => {
  const { portal, proxy, site } = await open(row.options);
  const details = portal.connectionDetails();
  await site.api.saveProxySettings({ body: proxy.settings() });
  const settings = settingsFor(portal, { protocol: row.protocol, logServer: details.logServer[row.protocol] });
  await site.api.savePortalConnection({ body: { settings, confirmUntested: true } });
  const { token } = await site.api.makeEnrolmentToken({ body: { uses: 1, validHours: 1 } });
  const agent = await enrolAgent(token);
  onTestFinished(() => agent.stop());

  await agent.spool.append("threat-events", [makeThreatEvent()]);
  const [product] = [...portal.products.keys()];
  await portal.until(
    async () => product !== undefined && (await portal.records(product, "threat-events")).length === 1,
  );

  const targets = new Set(proxy.asked);
  expect(targets).toEqual(new Set([`127.0.0.1:${portal.ports.status}`, `127.0.0.1:${portal.ports[row.protocol]}`]));
  expect((await site.api.getPortalConnection({})).proxy).toMatchObject({ kind: row.options.kind, port: proxy.port });
});

describe("the proxy page", () => {
  test("tests the saved connection through values that are typed, and saves nothing", async () => {
    const { portal, proxy, site } = await open({ kind: "socks5", logOn: LOG_ON });
    await site.api.savePortalConnection({ body: { settings: settingsFor(portal), confirmUntested: true } });
    const run = async (password: string) => {
      const body = { ...proxy.settings(), password };
      const { id } = await site.api.testProxySettings({ body });
      return until(async () => {
        const now = await site.api.getConnectionTest({ params: { id } });
        return now.finishedAt === null ? null : now;
      });
    };

    const wrong = await run("guess");
    const right = await run(PLANTED);

    expect(wrong.lanes.statusServer.find(({ state }) => state === "failed")).toMatchObject({
      step: "proxy",
      code: "proxy.credentials_wrong",
    });
    expect(right.ok).toBe(true);
    expect((await site.api.getProxySettings({})).settings).toEqual({ kind: "none" });
  });

  test("says what comes first before the portal's addresses are known", async () => {
    const { proxy, site } = await open({ kind: "http" });

    expect(await codeOf(site.api.testProxySettings({ body: proxy.settings() }))).toBe("proxy.portal_first");
  });

  test("a saved proxy is dialled at once, and none is none", async () => {
    const { portal, proxy, site } = await open({ kind: "http" });
    await site.api.savePortalConnection({ body: { settings: settingsFor(portal), confirmUntested: true } });
    await until(async () => (await site.api.getPortalConnection({})).state === "connected");
    const before = proxy.asked.length;

    await site.api.saveProxySettings({ body: proxy.settings() });
    await until(async () => proxy.asked.length > 0);
    await site.api.saveProxySettings({ body: { kind: "none" } });
    const asked = proxy.asked.length;
    await until(async () => (await site.api.getPortalConnection({})).state === "connected");

    expect(before).toBe(0);
    expect(proxy.asked.length).toBe(asked);
  });

  test("a proxy's failure is told as the proxy's on the portal's page", async () => {
    const { portal, proxy, site } = await open({ kind: "http" });
    await site.api.savePortalConnection({ body: { settings: settingsFor(portal), confirmUntested: true } });
    proxy.chaos = { forbids: true };

    await site.api.saveProxySettings({ body: proxy.settings() });
    const shown = await until(async () => {
      const now = await site.api.getPortalConnection({});
      return now.state === "not-answering" && now.lastError !== null ? now : null;
    });

    expect(shown.lastError?.code).toBe("proxy.refused_target");
  });

  test("a test of other values is no proof for these: the proxy is part of what was tested", async () => {
    const { portal, proxy, site } = await open({ kind: "http" });
    const settings = settingsFor(portal);
    const { id } = await site.api.testPortalConnection({ body: settings });
    const tested = await until(async () => {
      const now = await site.api.getConnectionTest({ params: { id } });
      return now.finishedAt === null ? null : now;
    });
    await site.api.saveProxySettings({ body: proxy.settings() });

    const body = { settings, testToken: tested.testToken ?? "" };

    expect(await codeOf(site.api.savePortalConnection({ body }))).toBe("settings.untested");
  });

  test("the stored password is never sent to a proxy that somebody types", async () => {
    const { portal, proxy, site } = await open({ kind: "http", logOn: { ...LOG_ON, scheme: "basic" } });
    await site.api.savePortalConnection({ body: { settings: settingsFor(portal), confirmUntested: true } });
    await site.api.saveProxySettings({ body: proxy.settings() });
    const { password: _, ...kept } = proxy.settings();
    const elsewhere = { ...kept, port: proxy.port === 1 ? 2 : 1 };

    expect(await codeOf(site.api.testProxySettings({ body: elsewhere }))).toBe("proxy.password_again");
    expect(await codeOf(site.api.saveProxySettings({ body: elsewhere }))).toBe("proxy.password_again");
    expect(await codeOf(site.api.saveProxySettings({ body: kept }))).toBe("no error");
    expect((await site.api.getProxySettings({})).passwordKeptSince).not.toBeNull();
  });
});

test("no page, log, audit entry, error or file holds a proxy's password, though the search would find it", async () => {
  const { portal, proxy, site } = await open({ kind: "http", logOn: { ...LOG_ON, scheme: "digest-md5" } });
  await site.api.saveProxySettings({ body: proxy.settings() });
  await site.api.savePortalConnection({ body: { settings: settingsFor(portal), confirmUntested: true } });
  await until(async () => (await site.api.getPortalConnection({})).state === "connected");
  proxy.chaos = { closesAtOnce: true };
  proxy.cutAll();
  await until(async () => (await site.api.getPortalConnection({})).lastError !== null);
  await codeOf(site.api.saveProxySettings({ body: { ...proxy.settings(), host: "" } }));

  const shown = JSON.stringify([
    await site.api.getProxySettings({}),
    await site.api.getPortalConnection({}),
    await site.api.mitigatorAudit({ query: {} }),
  ]);
  const files = await textsUnder(site.directory);

  for (const text of [shown, ...files.values()]) expect(text.includes(PLANTED)).toBe(false);
  // The control: the same search finds what is known to be there.
  expect(shown).toContain(proxy.host);
  expect([...files.keys()].some((name) => name.endsWith("test.log"))).toBe(true);
  expect([...files.values()].some((text) => text.includes("link.") || text.includes("proxy."))).toBe(true);
});

async function textsUnder(directory: string): Promise<Map<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (file) => [file, await readFile(file, "latin1")] as const)));
}

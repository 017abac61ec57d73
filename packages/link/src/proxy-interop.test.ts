import {
  FakePortal,
  freePort,
  isInstalled,
  REAL_PROXY_LOG_ON,
  type RealProxy,
  startDante,
  startSquid,
  startTinyproxy,
} from "@tms/testkit";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import type { ProxySettings } from "./lower/dial/proxy-settings.ts";
import { type TestSettings, testConnection } from "./lower/test-connection.ts";

// Through proxies that are not ours, as a customer's network has them.

function needs(context: TestContext, program: string): void {
  if (!isInstalled(program)) context.skip(`${program} is not installed`);
}

/** Ends with the test. */
async function started(starting: Promise<RealProxy>) {
  const { host, port, close } = await starting;
  onTestFinished(close);
  return { host, port };
}

function settings(portal: FakePortal, proxy: ProxySettings, change: Partial<TestSettings["logServer"]> = {}) {
  return {
    statusServer: { host: portal.host, port: portal.ports.status },
    logServer: { host: portal.host, port: portal.ports.ssl, protocol: "ssl", ...change },
    userName: portal.userName,
    password: portal.password,
    caPins: [portal.authority.spkiPin],
    sshHostKeys: [portal.sshHostKey.fingerprint],
    proxy,
  } satisfies TestSettings;
}

/** Both protocols through the proxy, and what a wrong password is called. */
async function expectThrough(proxy: ProxySettings): Promise<void> {
  await using portal = await FakePortal.start();

  const ssl = await testConnection(settings(portal, proxy));
  const ssh = await testConnection(settings(portal, proxy, { port: portal.ports.ssh, protocol: "ssh" }));

  for (const { logServer, statusServer } of [ssl, ssh]) {
    const failed = [...logServer, ...statusServer].find(({ state }) => state === "failed");
    expect(failed).toBeUndefined();
    expect(logServer.find(({ step }) => step === "proxy")?.state).toBe("ok");
  }
  if (proxy.password === undefined) return;
  const wrong = await testConnection(settings(portal, { ...proxy, password: "guess" }));
  const none = await testConnection(settings(portal, { kind: proxy.kind, host: proxy.host, port: proxy.port }));
  expect(wrong.statusServer.find(({ state }) => state === "failed")).toMatchObject({ code: "proxy.credentials_wrong" });
  expect(none.statusServer.find(({ state }) => state === "failed")).toMatchObject({ code: "proxy.credentials_needed" });
}

test.for(["none", "basic", "digest"] as const)("squid with log-on %s", async (logOn, context) => {
  needs(context, "squid");
  const proxy = await started(startSquid(logOn));

  await expectThrough({ kind: "http", ...proxy, ...(logOn === "none" ? {} : REAL_PROXY_LOG_ON) });
});

test("squid's stock rule against other ports than 443 is told as the proxy's refusal", async (context) => {
  needs(context, "squid");
  const proxy = await started(startSquid("none", "acl tls port 443\nhttp_access deny !tls\nhttp_access allow all"));
  await using portal = await FakePortal.start();

  const { logServer } = await testConnection(settings(portal, { kind: "http", ...proxy }));

  expect(logServer.find(({ state }) => state === "failed")).toMatchObject({
    step: "tcp",
    code: "proxy.refused_target",
    fact: `Asked for 127.0.0.1:${portal.ports.ssl}`,
  });
});

test("squid that cannot look a name up, or reach a port, says so, and the portal is not blamed", async (context) => {
  needs(context, "squid");
  const proxy = await started(startSquid("none"));
  await using portal = await FakePortal.start();
  const nobody = await freePort();

  const unknown = await testConnection(settings(portal, { kind: "http", ...proxy }, { host: "nowhere.invalid" }));
  const closed = await testConnection(settings(portal, { kind: "http", ...proxy }, { port: nobody }));

  // Without a name server squid says only that it could not forward; with one, that the name is unknown.
  expect(unknown.logServer.find(({ state }) => state === "failed")?.code).toMatch(/^proxy.target_un/);
  expect(closed.logServer.find(({ state }) => state === "failed")?.code).toBe("proxy.target_unreachable");
});

test.for([false, true])("tinyproxy, with log-on: %s", async (logOn, context) => {
  needs(context, "tinyproxy");
  const proxy = await started(startTinyproxy(logOn));
  const credentials = {
    userName: REAL_PROXY_LOG_ON.userName,
    password: REAL_PROXY_LOG_ON.password.replaceAll(" ", "-"),
  };

  await expectThrough({ kind: "http", ...proxy, ...(logOn ? credentials : {}) });
});

test.for(["socks5", "socks4"] as const)("dante as %s", async (kind, context) => {
  needs(context, "danted");
  const proxy = await started(startDante());

  await expectThrough({ kind, ...proxy });
});

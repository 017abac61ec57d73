import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakePortal } from "@tms/testkit";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import type { ProxySettings } from "./lower/dial/proxy-settings.ts";
import { type TestSettings, testConnection } from "./lower/test-connection.ts";

// Through proxies that are not ours, as a customer's network has them.

const LOG_ON = { userName: "mill", password: "between the mill and its proxy" };
const REALM = "proxy";

interface Running {
  port: number;
  directory: string;
}

function needs(context: TestContext, program: string): void {
  const found = spawnSync("sh", ["-c", `command -v ${program} || test -x ${program}`]).status === 0;
  if (!found) context.skip(`${program.split("/").at(-1)} is not installed`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a program from a configuration of its own, and waits until it takes connections. */
async function start(
  program: string,
  make: (at: Running) => Promise<{ arguments: string[]; files: Record<string, string> }>,
): Promise<Running> {
  const directory = await mkdtemp(join(tmpdir(), "tms-proxy-"));
  // Proxies give up root and read their files as somebody else.
  await chmod(directory, 0o777);
  const at = { directory, port: await freePort() };
  const plan = await make(at);
  for (const [name, text] of Object.entries(plan.files)) {
    await writeFile(join(directory, name), text, { mode: 0o644 });
  }
  const child = spawn(program, plan.arguments, { stdio: "ignore" });
  onTestFinished(async () => {
    await ended(child);
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  await expect.poll(() => isOpen(at.port), { timeout: 20_000, interval: 50 }).toBe(true);
  return at;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function squid(logOn: "none" | "basic" | "digest", rules = "http_access allow all") {
  const md5 = (text: string) => createHash("md5").update(text).digest("hex");
  const { userName, password } = LOG_ON;
  const programs = {
    none: "",
    basic: `auth_param basic program /usr/lib/squid/basic_ncsa_auth DIR/passwd\nauth_param basic realm ${REALM}\n`,
    digest: `auth_param digest program /usr/lib/squid/digest_file_auth -c DIR/passwd\nauth_param digest realm ${REALM}\n`,
  };
  const passwords = {
    none: "",
    basic: `${userName}:${md5(password)}\n`,
    digest: `${userName}:${REALM}:${md5(`${userName}:${REALM}:${password}`)}\n`,
  };
  const guard = logOn === "none" ? "" : "acl known proxy_auth REQUIRED\nhttp_access deny !known\n";
  return start("squid", async ({ port, directory }) => ({
    arguments: ["-N", "-f", join(directory, "squid.conf")],
    files: {
      passwd: passwords[logOn],
      "squid.conf": [
        `http_port 127.0.0.1:${port}`,
        programs[logOn].replaceAll("DIR", directory),
        guard,
        rules,
        "cache deny all",
        "access_log none",
        "cache_store_log none",
        `cache_log ${directory}/cache.log`,
        `pid_filename ${directory}/squid.pid`,
        `coredump_dir ${directory}`,
        "shutdown_lifetime 0 seconds",
        "visible_hostname proxy.test",
        "",
      ].join("\n"),
    },
  }));
}

function tinyproxy(logOn: boolean) {
  return start("tinyproxy", async ({ port, directory }) => ({
    arguments: ["-d", "-c", join(directory, "tinyproxy.conf")],
    files: {
      "tinyproxy.conf": [
        `Port ${port}`,
        "Listen 127.0.0.1",
        "Allow 127.0.0.1",
        "Timeout 60",
        `PidFile "${directory}/pid"`,
        // Its configuration knows no blanks in a password.
        ...(logOn ? [`BasicAuth ${LOG_ON.userName} ${LOG_ON.password.replaceAll(" ", "-")}`] : []),
        "",
      ].join("\n"),
    },
  }));
}

function dante() {
  return start("danted", async ({ port, directory }) => ({
    arguments: ["-f", join(directory, "danted.conf")],
    files: {
      "danted.conf": [
        `logoutput: ${directory}/log`,
        `internal: 127.0.0.1 port = ${port}`,
        "external: 127.0.0.1",
        "clientmethod: none",
        "socksmethod: none",
        "client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }",
        "socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }",
        "",
      ].join("\n"),
    },
  }));
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

const at = (running: Running) => ({ host: "127.0.0.1", port: running.port });

test.for(["none", "basic", "digest"] as const)("squid with log-on %s", async (logOn, context) => {
  needs(context, "squid");
  const proxy = await squid(logOn);

  await expectThrough({ kind: "http", ...at(proxy), ...(logOn === "none" ? {} : LOG_ON) });
});

test("squid's stock rule against other ports than 443 is told as the proxy's refusal", async (context) => {
  needs(context, "squid");
  const proxy = await squid("none", "acl tls port 443\nhttp_access deny !tls\nhttp_access allow all");
  await using portal = await FakePortal.start();

  const { logServer } = await testConnection(settings(portal, { kind: "http", ...at(proxy) }));

  expect(logServer.find(({ state }) => state === "failed")).toMatchObject({
    step: "tcp",
    code: "proxy.refused_target",
    fact: `Asked for 127.0.0.1:${portal.ports.ssl}`,
  });
});

test("squid that cannot look a name up, or reach a port, says so, and the portal is not blamed", async (context) => {
  needs(context, "squid");
  const proxy = await squid("none");
  await using portal = await FakePortal.start();
  const nobody = await freePort();

  const unknown = await testConnection(settings(portal, { kind: "http", ...at(proxy) }, { host: "nowhere.invalid" }));
  const closed = await testConnection(settings(portal, { kind: "http", ...at(proxy) }, { port: nobody }));

  // Without a name server squid says only that it could not forward; with one, that the name is unknown.
  expect(unknown.logServer.find(({ state }) => state === "failed")?.code).toMatch(/^proxy.target_un/);
  expect(closed.logServer.find(({ state }) => state === "failed")?.code).toBe("proxy.target_unreachable");
});

test.for([false, true])("tinyproxy, with log-on: %s", async (logOn, context) => {
  needs(context, "tinyproxy");
  const proxy = await tinyproxy(logOn);
  const credentials = { userName: LOG_ON.userName, password: LOG_ON.password.replaceAll(" ", "-") };

  await expectThrough({ kind: "http", ...at(proxy), ...(logOn ? credentials : {}) });
});

test.for(["socks5", "socks4"] as const)("dante as %s", async (kind, context) => {
  needs(context, "danted");
  const proxy = await dante();

  await expectThrough({ kind, ...at(proxy) });
});

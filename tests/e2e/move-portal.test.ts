import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApiClient, type FetchLike } from "@tms/contracts";
import { type CustomerKeys, portalRoutes } from "@tms/contracts/portal";
import { createEmptyDatabase, FakeAgent, type FakePortal, makeThreatEvent } from "@tms/testkit";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";

// A portal whose machine is gone: its keys from an encrypted export, its database and blobs from copies. The products
// that registered with it go on as if nothing had happened; without the keys they refuse.

const APPS = join(import.meta.dirname, "..", "..", "apps");
const PASSWORD = "correct horse battery";
const SECONDS = 1000;
/** Of its own: between the two portals nobody else takes a port here, as outgoing connections of 127.0.0.1 do. */
const HOST = "127.0.0.41";

interface Ready {
  console: string;
  statusServer: { host: string; port: number };
  logServer: { ssl: { port: number }; ssh: { port: number } };
  setUpLink: string | null;
  caPem: string;
}

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tms-move-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function startPortal(file: string): Promise<{ ready: Ready; stop(): Promise<void> }> {
  const child = spawn(process.execPath, [join(APPS, "portal", "src", "main.ts"), "--config", file], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const stop = () => stopProcess(child);
  onTestFinished(stop);
  const ready = await new Promise<Ready>((resolve, reject) => {
    child.once("message", (message) => resolve(message as Ready));
    child.once("exit", (code) => reject(new Error(`the portal ended with ${code} before it was ready`)));
  });
  return { ready, stop };
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

/** The last line of the real command. */
function tms(...argv: string[]): Promise<Record<string, unknown>> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(APPS, "cli", "src", "main.ts"), ...argv], (_error, stdout) =>
      resolve(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "null") as Record<string, unknown>),
    );
  });
}

/** Configuration of one machine; ports are any at first, and then the ones that products know. */
async function configOf(directory: string, of: { database: string; ready?: Ready }): Promise<string> {
  const at = (port = 0) => ({ host: HOST, port });
  const listen = {
    console: at(),
    statusServer: at(of.ready?.statusServer.port),
    logServerSsl: at(of.ready?.logServer.ssl.port),
    logServerSsh: at(of.ready?.logServer.ssh.port),
  };
  const file = join(directory, "portal.json");
  await writeFile(
    file,
    JSON.stringify({ dataDir: join(directory, "data"), publicHost: HOST, listen, database: { url: of.database } }),
  );
  return file;
}

async function consoleOf(ready: Ready) {
  const ca = await readFile(ready.caPem, "utf8");
  const call = (
    url: string,
    init: { method: string; headers: Record<string, string>; body?: string },
  ): Promise<{ status: number; cookie: string; text: string }> =>
    new Promise((resolve, reject) => {
      const asked = request(url, { method: init.method, headers: init.headers, ca }, async (answer) => {
        let text = "";
        for await (const part of answer) text += String(part);
        const cookie = String(answer.headers["set-cookie"]).split(";")[0] ?? "";
        resolve({ status: answer.statusCode ?? 0, cookie, text });
      });
      asked.on("error", reject);
      asked.end(init.body);
    });
  const token = /token=(.+)$/.exec(ready.setUpLink ?? "")?.[1];
  const body = JSON.stringify({ token, userName: "admin.owl", password: PASSWORD });
  const headers = { "content-type": "application/json" };
  const { cookie } = await call(`${ready.console}/api/v1/setup`, { method: "POST", headers, body });
  const fetch: FetchLike = async (url, init) => {
    const { status, text } = await call(url, init);
    return { status, text: async () => text };
  };
  return createApiClient(portalRoutes, { baseUrl: ready.console, fetch, headers: { cookie } });
}

/** A customer by a real key ceremony, and a product of his that has registered. */
async function registeredProduct(directory: string, ready: Ready): Promise<FakeAgent> {
  const api = await consoleOf(ready);
  await writeFile(join(directory, "passphrase"), "a long passphrase\n");
  const rules = join(APPS, "cli", "src", "demo", "rules", "harmless-marker.yar");
  const options = ["--name", "Acme", "--regular", rules, "--passphrase-file", join(directory, "passphrase"), "--demo"];
  const ceremony = await tms("keys", "customer", "--out", join(directory, "keys"), ...options);
  const keys = JSON.parse(await readFile(String(ceremony.bundle), "utf8")) as CustomerKeys;
  const validUntil = new Date(Date.now() + 86_400_000).toISOString();
  const { customer, password } = await api.addCustomer({ body: { keys, validUntil } });
  const details = await api.connectionDetails({ params: { id: customer.id } });
  const portal = {
    host: details.statusServer.host,
    ports: { status: details.statusServer.port, ssl: details.logServer.ssl.port, ssh: details.logServer.ssh.port },
    authority: { spkiPin: details.caPins[0] },
    patternRoot: details.patternRoot,
    userName: details.userName,
    password,
  };
  // The fake agent reads addresses, pins and credentials of its portal and nothing else.
  return FakeAgent.create({ portal: portal as unknown as FakePortal, protocol: "ssh", maxWaitSeconds: 2 });
}

async function copyDatabase(url: string): Promise<string> {
  const { pathname } = new URL(url);
  const copy = new URL(url);
  copy.pathname = `${pathname}_copy`;
  const admin = new URL(url);
  admin.pathname = "/postgres";
  const client = new pg.Client({ connectionString: admin.toString() });
  await client.connect();
  await client.query(`create database "${copy.pathname.slice(1)}" template "${pathname.slice(1)}"`);
  await client.end();
  onTestFinished(async () => {
    const ending = new pg.Client({ connectionString: admin.toString() });
    await ending.connect();
    await ending.query(`drop database if exists "${copy.pathname.slice(1)}" with (force)`);
    await ending.end();
  });
  return copy.toString();
}

async function isSentOff(agent: FakeAgent): Promise<void> {
  await agent.spool.append("threat-events", [makeThreatEvent()]);
  agent.link.sendNow();
  await agent.until(({ lastLogsAt, lastHeartbeatAt }) => lastLogsAt !== null && lastHeartbeatAt !== null);
}

test("a portal that moved with its keys needs no re-registration; without them products refuse it", {
  timeout: 300 * SECONDS,
}, async () => {
  const [first, second, stranger] = [await scratch(), await scratch(), await scratch()];
  const database = await createEmptyDatabase();
  onTestFinished(() => database.drop());
  const before = await startPortal(await configOf(first, { database: database.url }));
  const agent = await registeredProduct(first, before.ready);
  onTestFinished(() => agent.close());
  agent.start();
  await isSentOff(agent);
  await agent.stop();
  const passphrase = ["--passphrase-file", join(first, "passphrase")];
  const file = join(first, "portal-keys.age");
  const exported = await tms("keys", "export", "--portal", join(first, "portal.json"), "--out", file, ...passphrase);
  await before.stop();
  const copy = await copyDatabase(database.url);

  // Without the keys: the same name, database and blobs, and yet another portal.
  const without = await configOf(stranger, { database: copy, ready: before.ready });
  await cp(join(first, "data", "blobs"), join(stranger, "data", "blobs"), { recursive: true });
  const foreign = await startPortal(without);
  await agent.open();
  agent.start();
  await agent.until(({ lastError }) => lastError !== null);
  const refusal = agent.link.state().lastError?.code;
  await agent.stop();
  await foreign.stop();

  const config = await configOf(second, { database: copy, ready: before.ready });
  await cp(join(first, "data", "blobs"), join(second, "data", "blobs"), { recursive: true });
  const imported = await tms("keys", "import", file, "--portal", config, ...passphrase);
  await startPortal(config);
  await agent.open();
  agent.start();
  await isSentOff(agent);

  expect(exported).toMatchObject({
    ok: true,
    customers: 1,
    files: ["ca.pem", "ca-key.pem", "ssh-host-key", "secret-key", "statement-key"],
  });
  expect(refusal).toBe("link.pin_mismatch");
  expect(imported).toMatchObject({ ok: true, sameHost: true, onlineKeys: { good: 1, restored: 0, waiting: 0 } });
  expect(imported.written).toHaveLength(5);
  expect(agent.link.state().lastError).toBeNull();
});

import { copyFile, mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createAuthority } from "@tms/link";
import { createTestDatabase, FakePortal, TestClock } from "@tms/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  checksOf,
  firstWrong,
  type PortalForTest,
  portalForTest,
  stranger,
  tms,
} from "./installation-for-tests.contract.ts";

const DAY_MS = 86_400_000;
const KEY = `${Buffer.alloc(32, 7).toString("base64")}\n`;

/** Each breaks one thing, and names the first line of the answer that must be wrong. */
const BROKEN: {
  name: string;
  wrong: { id: string; code: string };
  break(portal: PortalForTest): Promise<AsyncDisposable | string[] | undefined>;
}[] = [
  {
    name: "a port that another program holds",
    wrong: { id: "port-status-server", code: "start.port_in_use" },
    break: (portal) => stranger(portal.ports.statusServer),
  },
  {
    name: "a data directory that a file stands in the way of",
    wrong: { id: "data-directory", code: "start.directory_unwritable" },
    async break(portal) {
      await writeFile(join(portal.directory, "file"), "");
      portal.config.dataDir = join(portal.directory, "file", "data");
      return undefined;
    },
  },
  {
    name: "a database address at which nobody answers",
    wrong: { id: "postgresql", code: "store.unavailable" },
    async break(portal) {
      portal.config.database = { url: "postgres://owner:secret-of-the-test@127.0.0.1:9/portal" };
      return undefined;
    },
  },
  {
    name: "a database of a newer version",
    wrong: { id: "postgresql", code: "store.schema_newer" },
    async break(portal) {
      const migrations = join(portal.directory, "portal", "migrations");
      await mkdir(migrations, { recursive: true });
      await writeFile(join(migrations, "999-of-tomorrow.sql"), "create table tomorrow (day date);");
      const newer = await createTestDatabase({ migrations: [migrations] });
      portal.config.database = { url: newer.url };
      return newer;
    },
  },
  {
    name: "an event store that does not answer",
    wrong: { id: "event-store", code: "store.unavailable" },
    async break(portal) {
      portal.config.eventStore = { url: "http://127.0.0.1:9", user: "portal", password: "secret-of-the-test" };
      return undefined;
    },
  },
  {
    name: "a CA and a key that do not belong together",
    wrong: { id: "certificate-ca", code: "certificate.pair_mismatch" },
    async break(portal) {
      await ownKeys(portal);
      await createAuthority({ directory: join(portal.directory, "other"), name: "Other", clock: new TestClock() });
      await copyFile(join(portal.directory, "other", "ca-key.pem"), join(portal.dataDir, "ca-key.pem"));
      return undefined;
    },
  },
  {
    name: "a CA that has expired",
    wrong: { id: "certificate-ca", code: "certificate.expired" },
    async break(portal) {
      await ownKeys(portal, new TestClock(new Date(Date.now() - 4000 * DAY_MS)));
      return undefined;
    },
  },
  {
    name: "a key that is not the one of the console's certificate",
    wrong: { id: "certificate-console", code: "certificate.pair_mismatch" },
    async break(portal) {
      const [one, other] = [await pairOf(portal, ["127.0.0.1"]), await pairOf(portal, ["127.0.0.1"])];
      await putPair(portal, { certPem: one.certPem, keyPem: other.keyPem });
      return undefined;
    },
  },
  {
    name: "a console's certificate that has expired",
    wrong: { id: "certificate-console", code: "certificate.expired" },
    async break(portal) {
      await putPair(portal, await pairOf(portal, ["127.0.0.1"], new TestClock(new Date(Date.now() - 500 * DAY_MS))));
      return undefined;
    },
  },
  {
    name: "a console's certificate for another name",
    wrong: { id: "certificate-console", code: "certificate.name_missing" },
    async break(portal) {
      await putPair(portal, await pairOf(portal, ["portal.example.net"]));
      return undefined;
    },
  },
  {
    name: "a disk that is nearly full",
    wrong: { id: "disk", code: "disk.low" },
    // No disk is wholly free: the limit is what the test moves.
    break: async () => ["--min-free-percent", "100"],
  },
  {
    name: "a clock that stands behind what was written before",
    wrong: { id: "clock", code: "clock.wrong" },
    async break(portal) {
      await writeFile(join(portal.dataDir, "portal.log"), "");
      const tomorrow = new Date(Date.now() + DAY_MS);
      await utimes(join(portal.dataDir, "portal.log"), tomorrow, tomorrow);
      return undefined;
    },
  },
  {
    name: "a key that the configuration does not know",
    wrong: { id: "configuration", code: "start.config_invalid" },
    async break(portal) {
      portal.config.pubilcHost = "portal.example.net";
      return undefined;
    },
  },
  {
    name: "data without the key that sealed their secrets",
    wrong: { id: "secret-key", code: "secret.key_missing" },
    async break(portal) {
      await createAuthority({ directory: portal.dataDir, name: "Own", clock: new TestClock(new Date()) });
      return undefined;
    },
  },
  {
    name: "a public address that leads nowhere",
    wrong: { id: "address-console", code: "address.unreachable" },
    async break(portal) {
      portal.config.publicHost = "127.0.0.9";
      return undefined;
    },
  },
  {
    name: "an address to listen on that is not this machine's",
    wrong: { id: "port-console", code: "start.config_invalid" },
    async break(portal) {
      Object.assign(portal.config.listen as object, { console: { host: "192.0.2.7", port: portal.ports.console } });
      return undefined;
    },
  },
];

describe("of a broken installation it names first what is wrong, how it shows, and what to do:", () => {
  test.each(BROKEN)("$name", async ({ wrong, break: breakIt }) => {
    await using portal = await portalForTest();
    await using broken = await asDisposable(breakIt(portal));

    const result = await portal.examine(...broken.options);

    expect(result.exit).toBe(1);
    expect(result.line).toMatchObject({ schema: "tms.doctor/1", ok: false });
    expect(firstWrong(result)).toEqual(wrong);
    const found = checksOf(result).find(({ ok }) => !ok);
    expect(found?.found).not.toBe("");
    expect(found?.cure).not.toBe("");
    expect(JSON.stringify(result.line)).not.toContain("secret-of-the-test");
  });
});

test("a sound installation that was never started is found sound", async () => {
  await using portal = await portalForTest();

  const result = await portal.examine();

  expect(firstWrong(result)).toBeNull();
  expect(result.exit).toBe(0);
  expect(checksOf(result).map(({ id }) => id)).toEqual([
    "configuration",
    "data-directory",
    "disk",
    "secret-key",
    "clock",
    "port-console",
    "port-status-server",
    "port-log-server-ssl",
    "port-log-server-ssh",
    "address-console",
    "address-status-server",
    "address-log-server-ssl",
    "address-log-server-ssh",
    "certificate-ca",
    "postgresql",
    "clock-database",
    "event-store",
  ]);
});

/** Servers that speak the real protocol, with the CA and host key that the installation's folder holds. */
async function runningServers(portal: PortalForTest): Promise<FakePortal> {
  const servers = await FakePortal.start();
  await copyFile(join(servers.directory, "ca", "ca.pem"), join(portal.dataDir, "ca.pem"));
  await copyFile(join(servers.directory, "ca", "ca-key.pem"), join(portal.dataDir, "ca-key.pem"));
  await copyFile(join(servers.directory, "ssh", "ssh-host-key"), join(portal.dataDir, "ssh-host-key"));
  await writeFile(join(portal.dataDir, "secret-key"), KEY, { mode: 0o600 });
  const at = (port: number) => ({ host: "127.0.0.1", port });
  portal.config.roles = ["status-server", "log-server"];
  Object.assign(portal.config.listen as object, {
    statusServer: at(servers.ports.status),
    logServerSsl: at(servers.ports.ssl),
    logServerSsh: at(servers.ports.ssh),
  });
  return servers;
}

test("ports that the server itself holds are known as its own, by its CA and its host key", async () => {
  await using portal = await portalForTest();
  const servers = await runningServers(portal);

  const result = await portal.examine().finally(() => servers.close());

  expect(firstWrong(result)).toBeNull();
  const ports = checksOf(result).filter(({ id }) => id.startsWith("port-"));
  expect(ports.map(({ found }) => found.includes("held by this server"))).toEqual([true, true, true]);
});

test("servers of another installation are not taken for its own", async () => {
  await using portal = await portalForTest();
  const servers = await runningServers(portal);
  await createAuthority({ directory: join(portal.directory, "new"), name: "New", clock: new TestClock(new Date()) });
  await copyFile(join(portal.directory, "new", "ca.pem"), join(portal.dataDir, "ca.pem"));
  await copyFile(join(portal.directory, "new", "ca-key.pem"), join(portal.dataDir, "ca-key.pem"));

  const result = await portal.examine().finally(() => servers.close());

  expect(firstWrong(result)).toEqual({ id: "port-status-server", code: "start.port_in_use" });
});

test("an address from outside that leads to another program is told from one that leads nowhere", async () => {
  await using portal = await portalForTest();
  await using other = await stranger();
  const file = join(portal.directory, "mitigator.json");
  const listen = { console: { host: "127.0.0.1", port: portal.ports.console }, agents: { host: "127.0.0.1", port: 0 } };
  const { dataDir, database } = portal.config;
  Object.assign(listen.agents, { port: portal.ports.statusServer });
  await writeFile(file, JSON.stringify({ dataDir, database, listen, publicAgentsPort: other.port }));

  const result = await tms("doctor", "--json", "--mitigator", file);

  expect(firstWrong(result)).toEqual({ id: "address-agents", code: "address.foreign" });
});

test("an agent's installation is examined too: its certificate, its mitigator, and both clocks", async () => {
  await using portal = await portalForTest();
  const mitigator = await FakePortal.start();
  onTestFinished(() => mitigator.close());
  const dataDir = join(portal.directory, "agent");
  const file = join(portal.directory, "agent.json");
  await writeFile(file, JSON.stringify({ dataDir, sandbox: null, watch: [portal.directory], crontabs: [] }));
  const fresh = await tms("doctor", "--json", "--agent", file);
  await agentFiles(dataDir, { port: mitigator.ports.status, caPin: mitigator.authority.spkiPin, daysLeft: 3 });

  const ending = await tms("doctor", "--json", "--agent", file);
  await agentFiles(dataDir, { port: mitigator.ports.status, caPin: "0".repeat(64), daysLeft: 20 });
  const foreign = await tms("doctor", "--json", "--agent", file);

  expect(firstWrong(fresh)).toBeNull();
  expect(firstWrong(ending)).toEqual({ id: "certificate-identity", code: "certificate.ends_soon" });
  expect(
    checksOf(ending)
      .filter(({ ok }) => ok)
      .map(({ id }) => id),
  ).toContain("clock-mitigator");
  expect(firstWrong(foreign)).toEqual({ id: "address-mitigator", code: "link.pin_mismatch" });
  // Twenty days before the end nothing is wrong yet, but it is said.
  expect(checksOf(foreign)).toContainEqual(
    expect.objectContaining({ id: "certificate-identity", ok: true, code: "certificate.ends_soon" }),
  );
});

test("without a configuration nothing is judged, and a file that is not there is a wrong call", async () => {
  const nothing = await tms("doctor", "--json");
  const missing = await tms("doctor", "--json", "--portal", "/nowhere/portal.json");
  const nonsense = await tms("doctor", "--json", "--portal", "/nowhere", "--min-free-percent", "many");

  expect([nothing, missing, nonsense].map(({ exit, line }) => [exit, line.ok, line.code])).toEqual([
    [3, false, "doctor.nothing_configured"],
    [2, false, "cli.input_unreadable"],
    [2, false, "cli.usage"],
  ]);
});

async function pairOf(portal: PortalForTest, hosts: string[], clock = new TestClock(new Date())) {
  const directory = join(portal.directory, "operator");
  return (await createAuthority({ directory, name: "The operator's CA", clock })).issueServer({ hosts });
}

async function putPair(portal: PortalForTest, pair: { certPem: string; keyPem: string }): Promise<void> {
  const [certFile, keyFile] = [join(portal.directory, "cert.pem"), join(portal.directory, "key.pem")];
  await writeFile(certFile, pair.certPem);
  await writeFile(keyFile, pair.keyPem);
  portal.config.consoleCertificate = { certFile, keyFile };
}

async function ownKeys(portal: PortalForTest, clock = new TestClock(new Date())): Promise<void> {
  await createAuthority({ directory: portal.dataDir, name: "Own", clock });
  await writeFile(join(portal.dataDir, "secret-key"), KEY, { mode: 0o600 });
}

async function agentFiles(dataDir: string, of: { port: number; caPin: string; daysLeft: number }): Promise<void> {
  const identity = join(dataDir, "identity");
  await mkdir(identity, { recursive: true });
  const certificateNotAfter = new Date(Date.now() + of.daysLeft * DAY_MS).toISOString();
  await writeFile(join(identity, "identity.json"), JSON.stringify({ certificateNotAfter }));
  const addresses = [{ host: "127.0.0.1", port: of.port }];
  await writeFile(join(identity, "pins.json"), JSON.stringify({ caPin: of.caPin, addresses }));
}

async function asDisposable(
  work: Promise<AsyncDisposable | string[] | undefined>,
): Promise<AsyncDisposable & { options: string[] }> {
  const made = await work;
  const options = Array.isArray(made) ? made : [];
  return {
    options,
    [Symbol.asyncDispose]: async () => {
      if (made !== undefined && !Array.isArray(made)) await made[Symbol.asyncDispose]();
    },
  };
}

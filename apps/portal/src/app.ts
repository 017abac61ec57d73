import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ClickHouseClient, createClient } from "@clickhouse/client";
import { startEventStore, startPostgres } from "@tms/embedded-stores";
import { createAuthority, createSshHostKey, createStatementSigner, watchKeys } from "@tms/link";
import { createDiskAdmission } from "@tms/link/upper";
import { AppError, type ProductId, systemClock } from "@tms/records";
import {
  type Closing,
  createAccounts,
  createAudit,
  createHealth,
  createJobs,
  createMetrics,
  createPasswordHasher,
  createSecretBox,
  type Databases,
  keepListenerCertificates,
  type Logger,
  meterMachine,
  openDatabases,
  registerHealthRoutes,
  registerMetricsRoute,
} from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import { sql } from "kysely";
import { createBlobStore } from "./blobs/index.ts";
import { type PortalConfig, secretKeyFileOf } from "./config.ts";
import { createConsoleServer } from "./console-server/index.ts";
import { type Core, createCore, PROVIDER, QUEUES } from "./core/index.ts";
import { createEventStore, makeEventTables } from "./event-index/index.ts";
import { DIRECTIVES_CHANNEL, STARTS_CHANNEL } from "./heartbeats/index.ts";
import { createLogServers, createStatusServer } from "./link-servers/index.ts";
import { meterPortal } from "./metrics/index.ts";
import { createNews } from "./news/index.ts";
import { IDENTITY_CHANNEL } from "./registration/index.ts";
import { startWorker } from "./worker/index.ts";

const MIGRATIONS = fileURLToPath(new URL("../migrations", import.meta.url));
const CONSOLE_DIST = fileURLToPath(new URL("../../portal-console/dist", import.meta.url));
const PACKAGE = fileURLToPath(new URL("../package.json", import.meta.url));

export interface Address {
  host: string;
  port: number;
}

/** What the portal says once everything it was asked to serve is served. */
export interface PortalReady {
  console: string | null;
  statusServer: Address | null;
  logServer: { ssl: Address; ssh: Address } | null;
  setUpLink: string | null;
  caPem: string;
}

/**
 * Starts the portal: stores, slices, then the listeners that its roles ask for.
 *
 * @param opened Takes what was opened, in order; the caller closes it in reverse, also when the start fails half-way.
 */
export async function startPortal(config: PortalConfig, log: Logger, opened: Closing): Promise<PortalReady> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const { core, accounts, health } = await openCore(config, log, opened);
  const roles = new Set(config.roles);
  const certificates = await certificatesOf(core, config, opened);
  const tls = certificates.own;
  const watch = watchKeys({
    keys: [core.authority, core.sshHostKey],
    onChange: async () => {
      log.info({ caPins: core.authority.pins(), sshHostKeys: core.sshHostKey.fingerprints() }, "a key has rolled over");
      await tls.look();
    },
    onError: (error) => log.error({ err: error }, "a key's roll-over cannot be read; those in force stay"),
  });
  opened.add(() => watch.close());
  const metrics = createMetrics();
  const meter = meterPortal(metrics, { intake: core.intake, index: core.index, scope: PROVIDER });
  meterMachine(metrics, { certificates, dataDir: config.dataDir, clock: core.clock });
  const watched = (server: FastifyInstance) => {
    registerHealthRoutes(server, health);
    registerMetricsRoute(server, { metrics, from: config.metricsFrom });
  };

  const listening: Partial<Record<"console" | "statusServer" | "ssl" | "ssh", Address>> = {};
  if (roles.has("status-server")) {
    const server = createStatusServer(core, tls.pem(), config.dataDir);
    tls.serve(server);
    meter.watchStatusServer(server);
    watched(server);
    core.heartbeats.lastSeen.start();
    opened.add(() => core.heartbeats.lastSeen.stop());
    listening.statusServer = await listen(server, config.listen.statusServer, opened);
    opened.add(() => core.heartbeats.waiters.close());
  }
  if (roles.has("log-server")) {
    const { ssl, ssh } = createLogServers(core, tls.pem(), meter);
    tls.serve(ssl);
    meter.watchLogServer(ssl);
    meter.watchSsh(ssh);
    watched(ssl);
    listening.ssl = await listen(ssl, config.listen.logServerSsl, opened);
    const { host, port } = config.listen.logServerSsh;
    listening.ssh = { host, port: await ssh.listen(host, port) };
    opened.add(() => ssh.close());
  }
  if (roles.has("worker")) {
    const worker = await startWorker(core);
    opened.add(() => worker.close());
  }
  let consoleUrl: string | null = null;
  if (roles.has("console")) {
    const server = createConsoleServer(core, {
      tls: certificates.console.pem(),
      certificateEndsAt: () => certificates.console.ending()?.notAfter ?? null,
      accounts,
      about: { name: config.name, zone: config.zone, version: await versionHere(), demo: config.demo },
      connection: () => connectionOf(core, config, listening),
      consoleUrl: () => consoleUrl ?? "",
      distDirectory: existsSync(join(CONSOLE_DIST, "index.html")) ? CONSOLE_DIST : null,
      randomBytes,
    });
    certificates.console.serve(server);
    meter.watchConsole(server);
    watched(server);
    const address = await listen(server, config.listen.console, opened);
    consoleUrl = `https://${urlHost(config.publicHost)}:${address.port}`;
  }
  const needsSetUp = consoleUrl !== null && (await accounts.setUpNeeded());
  return {
    console: consoleUrl,
    statusServer: listening.statusServer ?? null,
    logServer: listening.ssl && listening.ssh ? { ssl: listening.ssl, ssh: listening.ssh } : null,
    setUpLink: needsSetUp ? `${consoleUrl}${await accounts.makeSetUpLink()}` : null,
    caPem: join(config.dataDir, "ca.pem"),
  };
}

/** Of the own CA for what products connect to; for the console the operator's pair, if there is one. */
function certificatesOf(core: Core, config: PortalConfig, opened: Closing) {
  const hosts = [...new Set([config.publicHost, config.listen.console.host, "127.0.0.1", "localhost", "::1"])];
  const names = hosts.filter((host) => isIP(host) !== 0 || host !== "0.0.0.0");
  const pair = config.roles.includes("console") ? config.consoleCertificate : undefined;
  return keepListenerCertificates({
    issue: () => core.authority.issueServer({ hosts: names }),
    issuer: () => core.authority.generation(),
    operator: pair === undefined ? null : { ...pair, name: config.publicHost },
    clock: core.clock,
    log: core.log,
    opened,
  });
}

async function openCore(config: PortalConfig, log: Logger, opened: Closing) {
  const db = await openDatabases({ url: await databaseUrl(config, log, opened), migrations: [MIGRATIONS], log });
  opened.add(() => db.close());
  const jobs = await createJobs({ urls: db.urls, queues: QUEUES.map((name) => ({ name })), log });
  opened.add(() => jobs.close());
  const client = createClient({ ...(await eventStoreOf(config, log, opened)), log: { level: 127 } });
  opened.add(() => client.close());
  await makeEventTables(client);
  const hasher = await createPasswordHasher();
  const authority = await createAuthority({
    directory: config.dataDir,
    name: `${config.name} CA`,
    clock: systemClock,
  });
  const core = createCore({
    db,
    jobs,
    events: createEventStore(client),
    blobs: createBlobStore(join(config.dataDir, "blobs")),
    disk: createDiskAdmission({
      directory: config.dataDir,
      onChange: (state) => log.warn({ ...state }, "the free space of the data directory has changed"),
      clock: systemClock,
    }),
    secrets: createSecretBox({ keyFile: secretKeyFileOf(config, process.env) }),
    hasher,
    authority,
    statements: await createStatementSigner(config.dataDir, authority),
    name: config.name,
    limits: config.limits,
    sshHostKey: await createSshHostKey(config.dataDir),
    audit: createAudit({ db, clock: systemClock }),
    log,
    clock: systemClock,
  });
  await listenForNews(core, db, opened);
  const stores = [
    { name: "postgresql", look: () => sql`select 1`.execute(db.app) },
    { name: "event-store", look: () => pingEventStore(client) },
  ];
  const health = createHealth(stores, () => performance.now());
  return { core, accounts: await createAccounts({ db, hasher, clock: systemClock }), health };
}

/** The client tells an absent store as a value. */
async function pingEventStore(client: ClickHouseClient): Promise<void> {
  const answer = await client.ping();
  if (!answer.success) throw new AppError("store.unavailable", { store: "event store" }, { cause: answer.error });
}

/** One LISTEN connection a node: it wakes long polls and drops identities. */
async function listenForNews(core: Core, db: Databases, opened: Closing): Promise<void> {
  const news = createNews({
    url: db.urls.app,
    onError: (error) => core.log.warn({ err: error }, "the LISTEN connection was lost; it is opened again"),
  });
  news.on(DIRECTIVES_CHANNEL, (product) => core.heartbeats.waiters.wake(product as ProductId));
  news.on(STARTS_CHANNEL, (product) => core.heartbeats.memory.forget(product as ProductId));
  news.on(IDENTITY_CHANNEL, (product) => core.registration.identity.forget(product as ProductId));
  news.onMissed(() => {
    core.registration.identity.forgetAll();
    core.heartbeats.memory.forgetAll();
    core.heartbeats.waiters.wakeAllSpread(Math.random);
  });
  await news.start();
  opened.add(() => news.close());
}

async function databaseUrl(config: PortalConfig, log: Logger, opened: Closing): Promise<string> {
  if ("url" in config.database) return config.database.url;
  const postgres = await startPostgres({ directory: join(config.dataDir, "postgres"), databases: ["portal"], log });
  opened.add(() => postgres.stop());
  return postgres.url("portal");
}

async function eventStoreOf(config: PortalConfig, log: Logger, opened: Closing) {
  if ("url" in config.eventStore) {
    const { url, user, password } = config.eventStore;
    return { url, username: user, password };
  }
  const password = randomBytes(24).toString("base64url");
  const directory = join(config.dataDir, "event-store");
  const store = await startEventStore({ directory, user: "portal", password, log });
  opened.add(() => store.stop());
  return { url: store.url, username: store.user, password };
}

async function listen(server: FastifyInstance, at: Address, opened: Closing): Promise<Address> {
  opened.add(() => server.close());
  await server.listen({ host: at.host, port: at.port });
  const bound = server.server.address();
  return { host: at.host, port: typeof bound === "object" && bound !== null ? bound.port : at.port };
}

/** Connection details name the ports as they are really listened on, and the address that customers use. */
function connectionOf(
  core: Core,
  config: PortalConfig,
  listening: { statusServer?: Address; ssl?: Address; ssh?: Address },
) {
  const host = config.publicHost;
  const port = (bound: Address | undefined, configured: Address) => (bound ?? configured).port;
  return {
    statusServer: { host, port: port(listening.statusServer, config.listen.statusServer) },
    logServer: {
      ssl: { host, port: port(listening.ssl, config.listen.logServerSsl) },
      ssh: { host, port: port(listening.ssh, config.listen.logServerSsh) },
    },
    caPins: core.authority.pins(),
    sshHostKeys: core.sshHostKey.fingerprints(),
  };
}

function urlHost(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

async function versionHere(): Promise<string> {
  return (JSON.parse(await readFile(PACKAGE, "utf8")) as { version: string }).version;
}

import { existsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { startPostgres } from "@tms/embedded-stores";
import { createAuthority, makeDataDirectory, watchKeys, writeDurably } from "@tms/link";
import { createLowerKeys, openSpool } from "@tms/link/lower";
import { STREAMS, systemClock } from "@tms/records";
import {
  type Closing,
  createAccounts,
  createAudit,
  createHealth,
  createHttpServer,
  createLogger,
  createMetrics,
  createSecretBox,
  type KeptCertificate,
  keepListenerCertificates,
  type Logger,
  meterMachine,
  openDatabases,
  registerHealthRoutes,
  registerMetricsRoute,
  runMain,
  serveConsole,
} from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import { sql } from "kysely";
import { registerAccountRoutes } from "#app/accounts/index.ts";
import { openConsentKey } from "#app/patterns/index.ts";
import { createApp, type MitigatorTables } from "./app.ts";
import { type Config, readConfig, secretKeyFileOf } from "./config.ts";
import { openInstance } from "./instance-id.ts";
import { VERSION } from "./version.ts";

const MIGRATIONS = fileURLToPath(new URL("../migrations", import.meta.url));
const CONSOLE = fileURLToPath(new URL("../../mitigator-console/dist", import.meta.url));
const DATABASE = "mitigator";

await runMain("The Threat Mitigator", async (_stop, opened) => {
  const config = readConfig();
  const dataDir = resolve(config.dataDir);
  makeDataDirectory(dataDir);
  const log = createLogger({ name: "mitigator" });
  const clock = systemClock;

  const db = await openDatabases<MitigatorTables>({
    url: await databaseUrl(config, { dataDir, opened, log }),
    migrations: [MIGRATIONS],
    log,
  });
  opened.add(() => db.close());
  const keysDir = join(dataDir, "keys");
  const keys = await createLowerKeys(keysDir);
  const authority = await createAuthority({ directory: join(dataDir, "ca"), name: `${config.name} CA`, clock });
  // Outside the private folder's own name space: what a browser or a script on this machine is given to trust.
  const giveCa = () => writeDurably(join(dataDir, "ca.pem"), authority.caPem);
  await giveCa();
  const spool = await openSpool({
    directory: join(dataDir, "spool"),
    streams: STREAMS,
    clock,
    onDamage: (stream) =>
      log.warn({ stream }, "the spool's memory was damaged on disk; all that it holds is sent anew"),
  });
  opened.add(() => spool.close());
  const accounts = await createAccounts({ db });
  const audit = createAudit({ db, clock });

  const hosts = [...new Set([config.publicHost, "localhost", "127.0.0.1"])];
  const certificates = await keepListenerCertificates({
    issue: () => authority.issueServer({ hosts }),
    issuer: () => authority.generation(),
    operator:
      config.consoleCertificate === undefined ? null : { ...config.consoleCertificate, name: config.publicHost },
    clock,
    log,
    opened,
  });
  const listeners = makeListeners(certificates, log);
  const watch = watchKeys({
    keys: [authority],
    onChange: async () => {
      log.info({ caPins: authority.pins() }, "the CA has rolled over");
      await giveCa();
      await certificates.own.look();
    },
    onError: (error) => log.error({ err: error }, "the CA's roll-over cannot be read; the one in force stays"),
  });
  opened.add(() => watch.close());
  const database = { name: "postgresql", look: () => sql`select 1`.execute(db.app) };
  const health = createHealth([database], () => performance.now());
  const metrics = createMetrics();
  meterMachine(metrics, { certificates, dataDir, clock });
  for (const listener of [listeners.console, listeners.agents]) {
    registerHealthRoutes(listener, health);
    registerMetricsRoute(listener, { metrics, from: config.metricsFrom });
  }
  const agentPort = { bound: 0 };
  const app = createApp(
    {
      dataDir,
      db: db.app,
      authority,
      keys,
      spool,
      consentKey: await openConsentKey(keysDir),
      recoveryRecipient: config.recoveryRecipient,
      instance: await openInstance(dataDir),
      heartbeatSeconds: config.lineSettings.heartbeatSeconds,
      agentAddresses: () => [{ host: config.publicHost, port: config.publicAgentsPort ?? agentPort.bound }],
      secrets: createSecretBox({ keyFile: secretKeyFileOf(config, process.env) }),
      audit,
      metrics,
      clock,
      log,
    },
    listeners,
  );
  registerAccountRoutes(listeners.console, {
    accounts,
    audit,
    about: () => ({
      name: config.name,
      zone: config.zone,
      version: VERSION,
      demoKeys: config.demo,
      certificateEndsAt: certificates.console.ending()?.notAfter.toISOString() ?? null,
    }),
    clock,
  });
  if (existsSync(join(CONSOLE, "index.html"))) serveConsole(listeners.console, CONSOLE);
  else log.warn({ expected: CONSOLE }, "the console is not built; its API answers all the same");

  const consolePort = await listen(listeners.console, config.listen.console, opened);
  opened.add(() => app.stop());
  agentPort.bound = await listen(listeners.agents, config.listen.agents, opened);
  opened.add(() => app.releasePolls());
  await app.start();

  const console = `https://${bracketed(config.publicHost)}:${consolePort}`;
  const link = (await accounts.setUpNeeded()) ? await accounts.makeSetUpLink() : null;
  return {
    ready: {
      console,
      agents: { host: config.publicHost, port: agentPort.bound },
      setUpLink: link === null ? null : console + link,
      caPem: join(dataDir, "ca.pem"),
    },
    close: async () => {},
  };
});

async function databaseUrl(config: Config, parts: { dataDir: string; opened: Closing; log: Logger }): Promise<string> {
  if ("url" in config.database) return config.database.url;
  const postgres = await startPostgres({
    directory: join(parts.dataDir, "postgres"),
    databases: [DATABASE],
    log: parts.log,
  });
  parts.opened.add(() => postgres.stop());
  return postgres.url(DATABASE);
}

function makeListeners({ own, console }: Record<"own" | "console", KeptCertificate>, log: Logger) {
  const listeners = {
    console: createHttpServer({ name: "console", log, tls: console.pem() }),
    agents: createHttpServer({ name: "agents", log, tls: { ...own.pem(), askClientCertificate: true } }),
  };
  console.serve(listeners.console);
  own.serve(listeners.agents);
  return listeners;
}

async function listen(app: FastifyInstance, at: { host: string; port: number }, opened: Closing): Promise<number> {
  opened.add(() => app.close());
  await app.listen(at);
  return (app.server.address() as AddressInfo).port;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

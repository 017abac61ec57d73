import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ApiClient, createApiClient } from "@tms/contracts";
import type { Directive, DirectiveOutcome } from "@tms/contracts/link";
import { mitigatorRoutes, type PortalSettings } from "@tms/contracts/mitigator";
import { type Authority, createAuthority, type RollOrder, type RollReport } from "@tms/link";
import {
  createLowerKeys,
  createLowerLink,
  type LowerKeys,
  type LowerLink,
  openSpool,
  registerLower,
  type Spool,
  type StoredIdentity,
} from "@tms/link/lower";
import { type EndpointId, type Sha256, STREAMS, systemClock } from "@tms/records";
import {
  createAccounts,
  createAudit,
  createHttpServer,
  createLogger,
  createMetrics,
  createSecretBox,
  keepCertificate,
  meterMachine,
  openDatabases,
  registerMetricsRoute,
} from "@tms/server-kit";
import { createTestDatabase, type FakePortal, type TestDatabase } from "@tms/testkit";
import type { FastifyInstance } from "fastify";
import { sql } from "kysely";
import { registerAccountRoutes } from "#app/accounts/index.ts";
import { createAgentStore } from "#app/agents/index.ts";
import { createEndpointStore } from "#app/endpoints/index.ts";
import { openConsentKey } from "#app/patterns/index.ts";
import { type App, createApp, type MitigatorTables } from "./app.ts";
import { openInstance } from "./instance-id.ts";
import { rollMitigatorKey } from "./roll-keys.ts";

// A whole mitigator for tests, in this process: real database, real listeners, real keys.

const MIGRATIONS = fileURLToPath(new URL("../migrations", import.meta.url));

/** A migrated database of a test's own. */
export function makeDatabase(): Promise<TestDatabase<MitigatorTables>> {
  return createTestDatabase<MitigatorTables>({ migrations: [MIGRATIONS] });
}

/** Refusals that a test provokes are no news on its output. */
function logInto(directory: string) {
  return createLogger({ name: "test", file: join(directory, "test.log"), level: "warn" });
}

export interface TestSite {
  api: ApiClient<typeof mitigatorRoutes>;
  console: FastifyInstance;
  directory: string;
  authority: Authority;
  /** What is on the disk by now is in force: the keys have rolled over. */
  takeUpKeys(): Promise<void>;
  /** An order as `tms keys roll` gives it. */
  roll(step: RollOrder["step"], force?: "by force"): Promise<RollReport>;
  /** The certificate that registering bought is over; unless it was renewed, so is the one in force. */
  expireCertificate(how: { renewed: boolean }): Promise<void>;
  /** Ends it as a stop would; the directory and the database stay for a next start. */
  stop(): Promise<void>;
  remove(): Promise<void>;
}

/** Starts a mitigator with an administrator logged on. */
export async function startTestSite(where: {
  database: TestDatabase<MitigatorTables>;
  directory?: string;
}): Promise<TestSite> {
  const directory = where.directory ?? (await mkdtemp(join(tmpdir(), "tms-mitigator-")));
  const log = logInto(directory);
  const db = await openDatabases<MitigatorTables>({ url: where.database.url, migrations: [MIGRATIONS], log });
  const keys = await createLowerKeys(join(directory, "keys"));
  const authority = await createAuthority({ directory: join(directory, "ca"), name: "Site", clock: systemClock });
  const ownCertificate = await keepCertificate({
    source: {
      kind: "own",
      issue: () => authority.issueServer({ hosts: ["127.0.0.1"] }),
      issuer: () => authority.generation(),
    },
    clock: systemClock,
    log,
  });
  const listeners = {
    console: createHttpServer({ name: "console", log }),
    agents: createHttpServer({ name: "agents", log, tls: { ...ownCertificate.pem(), askClientCertificate: true } }),
  };
  ownCertificate.serve(listeners.agents);
  const spool = await openSpool({ directory: join(directory, "spool"), streams: STREAMS, clock: systemClock });
  const accounts = await createAccounts({ db });
  const audit = createAudit({ db });
  const metrics = createMetrics();
  meterMachine(metrics, {
    certificates: { own: ownCertificate, console: ownCertificate },
    dataDir: directory,
    clock: systemClock,
  });
  registerMetricsRoute(listeners.console, { metrics, from: ["127.0.0.1"] });
  const app: App = createApp(
    {
      dataDir: directory,
      db: db.app,
      authority,
      keys,
      spool,
      consentKey: await openConsentKey(join(directory, "keys")),
      recoveryRecipient: null,
      instance: await openInstance(directory),
      heartbeatSeconds: 60,
      agentAddresses: () => [{ host: "127.0.0.1", port: (listeners.agents.server.address() as AddressInfo).port }],
      secrets: createSecretBox({ keyFile: join(directory, "keys", "secret-key") }),
      audit,
      metrics,
      clock: systemClock,
      log,
    },
    listeners,
  );
  const about = { name: "Site", zone: "UTC", version: "1.0.0", demoKeys: true };
  registerAccountRoutes(listeners.console, { accounts, audit, about: () => about, clock: systemClock });
  await listeners.console.ready();
  await listeners.agents.listen({ host: "127.0.0.1", port: 0 });
  await app.start();
  const cookie = await logOn(listeners.console, accounts);
  const stop = async () => {
    app.releasePolls();
    await listeners.agents.close();
    await app.stop();
    await listeners.console.close();
    ownCertificate.close();
    await spool.close();
    await db.close();
  };
  return {
    api: clientOf(listeners.console, cookie),
    console: listeners.console,
    directory,
    authority,
    takeUpKeys: async () => {
      await authority.look();
      await ownCertificate.look();
    },
    roll: (step, force) =>
      rollMitigatorKey(
        { key: "ca", step, force: force === "by force", by: "host root" },
        {
          agents: createAgentStore(db.app as unknown as Parameters<typeof createAgentStore>[0]),
          endpoints: createEndpointStore(db.app as unknown as Parameters<typeof createEndpointStore>[0]),
          audit,
          dataDir: directory,
        },
      ),
    expireCertificate: async ({ renewed }) => {
      const longAgo = new Date(Date.now() - 86_400_000).toISOString();
      await sql`update portal_link_registration
        set identity = jsonb_set(identity, '{certificateNotAfter}', to_jsonb(${longAgo}::text))`.execute(db.app);
      if (renewed) return;
      const file = join(directory, "keys", "identity.json");
      const identity = JSON.parse(await readFile(file, "utf8")) as object;
      await writeFile(file, JSON.stringify({ ...identity, certificateNotAfter: longAgo }));
    },
    stop,
    remove: async () => {
      await stop();
      await where.database.drop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const PERSON = { userName: "ada", password: "correct horse battery" };

async function logOn(console: FastifyInstance, accounts: Awaited<ReturnType<typeof createAccounts>>): Promise<string> {
  const isNew = await accounts.setUpNeeded();
  const token = isNew ? (await accounts.makeSetUpLink()).split("token=")[1] : undefined;
  const answer = await console.inject({
    method: "POST",
    url: isNew ? "/api/v1/setup" : "/api/v1/session",
    payload: { ...PERSON, ...(token === undefined ? {} : { token }) },
  });
  const cookie = answer.headers["set-cookie"];
  if (typeof cookie !== "string") throw new Error(`log-on failed: ${answer.body}`);
  return cookie.split(";")[0] ?? "";
}

function clientOf(console: FastifyInstance, cookie: string): ApiClient<typeof mitigatorRoutes> {
  return createApiClient(mitigatorRoutes, {
    baseUrl: "",
    headers: { cookie },
    fetch: async (url, init) => {
      const answer = await console.inject({
        method: init.method as "GET",
        url,
        headers: init.headers,
        ...(init.body === undefined ? {} : { payload: init.body }),
      });
      return { status: answer.statusCode, text: async () => answer.body };
    },
  });
}

/** The settings page filled from the portal's connection details. */
export function settingsFor(portal: FakePortal, change: Partial<PortalSettings> = {}): PortalSettings {
  const details = portal.connectionDetails();
  return {
    sending: true,
    logServer: details.logServer.ssl,
    protocol: "ssl",
    frequencyMinutes: 0,
    uploadKbits: null,
    downloadKbits: null,
    statusServer: details.statusServer,
    userName: details.userName,
    password: portal.password,
    email: "ada@example.org",
    name: "Site",
    caPins: details.caPins,
    sshHostKeys: details.sshHostKeys,
    patternRoot: details.patternRoot,
    ...change,
  };
}

export async function register(site: TestSite, portal: FakePortal): Promise<void> {
  await site.api.savePortalConnection({ body: { settings: settingsFor(portal), confirmUntested: true } });
}

interface TokenFacts {
  addresses: { host: string; port: number }[];
  caPin: Sha256;
  caPins?: Sha256[];
  id: string;
  secret: string;
  patternRoot: Sha256;
}

export function readToken(token: string): TokenFacts {
  return JSON.parse(Buffer.from(token.slice("tms1.".length), "base64url").toString("utf8")) as TokenFacts;
}

export interface TestAgent {
  keys: LowerKeys;
  identity: StoredIdentity;
  endpoint: EndpointId;
  address: { host: string; port: number };
  spool: Spool;
  link: LowerLink;
  directives: Directive[];
  /** Another link over the same files, as after a restart; it does not speak yet. */
  reopen(): LowerLink;
  stop(): Promise<void>;
}

/** An agent without sensors: real keys, enrolment by token, real spool and link. */
export async function enrolAgent(
  token: string,
  options: {
    host?: string;
    endpoint?: EndpointId;
    directory?: string;
    onDirective?: (directive: Directive, agent: () => TestAgent) => Promise<DirectiveOutcome>;
  } = {},
): Promise<TestAgent> {
  const facts = readToken(token);
  const address = facts.addresses[0] ?? { host: "127.0.0.1", port: 0 };
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "tms-test-agent-")));
  const keys = await createLowerKeys(join(directory, "keys"));
  const instanceId = crypto.randomUUID();
  const host = options.host ?? "host-1";
  const identity = await registerLower({
    keys,
    statusServer: address,
    caPins: facts.caPins ?? [facts.caPin],
    patternRoot: facts.patternRoot,
    request: {
      credentials: { kind: "token", id: facts.id, secret: facts.secret },
      kind: "agent",
      version: "1.0.0",
      host,
      instanceId,
      ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    },
  });
  if (identity.endpoint === null) throw new Error("no endpoint id was given");
  const spool = await openSpool({ directory: join(directory, "spool"), streams: STREAMS, clock: systemClock });
  const directives: Directive[] = [];
  const open = () =>
    createLowerLink({
      keys,
      identity,
      statusServer: address,
      logServer: { ...address, protocol: "ssl" },
      spool,
      describe: () => ({ version: "1.0.0", host, instanceId, ready: { ok: true, reasons: [] }, sending: "on" }),
      onDirective: async (directive) => {
        directives.push(directive);
        return (await options.onDirective?.(directive, () => agent)) ?? { id: directive.id, ok: true };
      },
      clock: systemClock,
      log: { info: () => {}, warn: () => {} },
      random: () => 0.05,
    });
  const link = open();
  const agent: TestAgent = {
    keys,
    identity,
    endpoint: identity.endpoint,
    address,
    spool,
    link,
    directives,
    reopen: open,
    stop: async () => {
      await link.stop();
      await spool.close();
    },
  };
  link.start();
  return agent;
}

/** Looks again until it holds; bounded by the test's own limit, and no assertion depends on the pace. */
export async function until<T>(look: () => Promise<T | null | undefined | false>): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

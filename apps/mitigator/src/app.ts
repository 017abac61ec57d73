import type { EventRow } from "@tms/contracts";
import type { Authority } from "@tms/link";
import type { LowerKeys, Spool } from "@tms/link/lower";
import { createDiskAdmission, createIdentityChanges } from "@tms/link/upper";
import { type Clock, MITIGATION_STATUSES, type MitigationStatus } from "@tms/records";
import type { Audit, Metrics, SecretBox } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import type { Kysely } from "kysely";
import {
  type AgentTables,
  type BatchTables,
  createAgentNews,
  createAgentStore,
  createAtWork,
  createBatchStore,
  createMakeEnrolmentToken,
  createOrderStore,
  createRemoveAgent,
  encodeToken,
  type OrderTables,
  registerTokenRoutes,
} from "#app/agents/index.ts";
import { registerAuditRoutes } from "#app/audit/index.ts";
import {
  type CaseTables,
  caseToWire,
  createCaseStore,
  createSubmitCase,
  registerCaseRoutes,
} from "#app/cases/index.ts";
import {
  createEndpointStore,
  createListEndpoints,
  type EndpointTables,
  registerEndpointRoutes,
  silenceMsOf,
} from "#app/endpoints/index.ts";
import { meterMitigator } from "#app/metrics/index.ts";
import {
  type ConsentKey,
  createPatternStore,
  deploymentToWire,
  type PatternTables,
  registerPatternRoutes,
} from "#app/patterns/index.ts";
import {
  createPortalLinkStore,
  createProxyStore,
  type PortalLinkTables,
  type ProxyTables,
  registerPortalLinkRoutes,
  registerProxyRoutes,
} from "#app/portal-link/index.ts";
import { createShowHome, createTaskStore, registerTaskRoutes, type TaskTables } from "#app/tasks/index.ts";
import {
  createShowEvent,
  createThreatLogStore,
  eventToWire,
  isUnresolved,
  registerThreatLogRoutes,
  type ThreatLogTables,
  UNRESOLVED,
} from "#app/threat-log/index.ts";
import { type AgentParts, listenToAgents } from "./compose-agents.ts";
import { composeSettings, createProxyReader } from "./compose-settings.ts";
import { composeSite, type SiteLog, type SiteStores } from "./compose-site.ts";
import { createCaseSubjects } from "./compose-subjects.ts";
import type { Instance } from "./instance-id.ts";
import { VERSION } from "./version.ts";

export type MitigatorTables = AgentTables &
  BatchTables &
  OrderTables &
  CaseTables &
  EndpointTables &
  PatternTables &
  PortalLinkTables &
  TaskTables &
  ThreatLogTables;

export interface AppDeps {
  dataDir: string;
  db: Kysely<MitigatorTables>;
  authority: Authority;
  keys: LowerKeys;
  spool: Spool;
  consentKey: ConsentKey;
  recoveryRecipient: string | null;
  /** Names this installation. */
  instance: Instance;
  heartbeatSeconds: number;
  /** Addresses under which agents reach us; known once the listener is up. */
  agentAddresses: () => { host: string; port: number }[];
  secrets: SecretBox;
  audit: Audit;
  metrics: Metrics;
  clock: Clock;
  log: SiteLog;
}

export interface App {
  start(): Promise<void>;
  /** Ends what runs by itself; the listeners are closed by their owner before. */
  stop(): Promise<void>;
  /** Answers every long poll, so that closing the listener cuts none. */
  releasePolls(): void;
}

/** The composition root: slices meet here and nowhere else. */
export function createApp(deps: AppDeps, listeners: { console: FastifyInstance; agents: FastifyInstance }): App {
  const relayWake = { now: () => {} };
  const stores: SiteStores = {
    agents: createAgentStore(narrow<AgentTables>(deps.db)),
    orders: createOrderStore(narrow<OrderTables>(deps.db)),
    batches: createBatchStore(narrow<BatchTables>(deps.db), () => relayWake.now()),
    endpoints: createEndpointStore(narrow<EndpointTables>(deps.db)),
    log: createThreatLogStore(narrow<ThreatLogTables>(deps.db)),
    cases: createCaseStore(narrow<CaseTables>(deps.db)),
    patterns: createPatternStore(narrow<PatternTables>(deps.db)),
    portal: createPortalLinkStore(narrow<PortalLinkTables>(deps.db)),
    proxies: createProxyStore(narrow<ProxyTables>(deps.db)),
    settings: createTaskStore(narrow<TaskTables>(deps.db)),
  };
  const news = createAgentNews();
  const atWork = createAtWork();
  const audit = (actor: string, action: string, subject: string, detail: Record<string, unknown> = {}) =>
    deps.audit.write({ actor, action, subject, detail });
  const proxy = createProxyReader(stores.proxies, deps.secrets);
  const disk = createDiskAdmission({
    directory: deps.dataDir,
    onChange: (state) => deps.log.warn({ ...state }, "the free space of the data directory has changed"),
    clock: deps.clock,
  });
  const site = composeSite({ ...deps, stores, news, proxy, disk, audit });
  relayWake.now = () => site.wake("relay");
  const parts: Parts = {
    ...deps,
    stores,
    disk,
    news,
    atWork,
    identityChanges: createIdentityChanges(),
    site,
    proxy,
    writeAudit: audit,
  };
  meterMitigator(
    deps.metrics,
    {
      spool: () => deps.spool.report(),
      link: () => site.line.state().state,
      agentsConnected: () => site.agentsConnected(),
    },
    listeners,
  );
  listenToAgents(listeners.agents, parts);
  const settings = composeSettings(parts);
  registerPortalLinkRoutes(listeners.console, settings.portal);
  registerProxyRoutes(listeners.console, settings.proxy);
  serveMitigation(listeners.console, parts);
  return {
    start: () => site.start(),
    stop: async () => {
      await atWork.end();
      await settings.tests.stop();
      await site.stop();
    },
    releasePolls: () => news.releaseAll(),
  };
}

/** Each store sees its own tables alone. */
function narrow<Tables>(db: Kysely<MitigatorTables>): Kysely<Tables> {
  return db as unknown as Kysely<Tables>;
}

type Parts = AppDeps & AgentParts & { proxy: ReturnType<typeof createProxyReader> };

function serveMitigation(app: FastifyInstance, parts: Parts): void {
  const { stores, site, clock } = parts;
  const listEndpoints = createListEndpoints({
    endpoints: stores.endpoints,
    unresolvedThreats: () => stores.log.standings(UNRESOLVED),
    silenceMs: silenceMsOf(parts.heartbeatSeconds),
    version: VERSION,
    clock,
  });
  registerEndpointRoutes(app, { listEndpoints, clock });
  registerTokenRoutes(app, {
    removeAgent: createRemoveAgent({
      agents: stores.agents,
      hostOf: async (endpoint) => (await stores.endpoints.get(endpoint))?.host ?? null,
      onRevoked: parts.identityChanges.tell,
    }),
    makeEnrolmentToken: createMakeEnrolmentToken({ tokens: stores.agents, site: site.sitePins, clock }),
    encode: (facts) =>
      encodeToken(facts, {
        addresses: parts.agentAddresses(),
        caPins: parts.authority.pins(),
        consentKey: parts.consentKey.publicSpki,
        recoveryRecipient: parts.recoveryRecipient,
      }),
    audit: parts.writeAudit,
  });
  registerThreatLogRoutes(app, {
    log: stores.log,
    showEvent: createShowEvent({ log: stores.log }),
    endpointsByHost: async (part) => (await stores.endpoints.search(part)).map(({ id }) => id),
    caseOfThreat: async (threat) => nullOr(await stores.cases.latestOf(threat), caseToWire),
    deploymentOfThreat: async (threat) => nullOr(await stores.patterns.ofThreat(threat), deploymentToWire),
    atPortalSince: (record) => stores.portal.atPortalSince(record),
    clock,
  });
  registerCaseRoutes(app, {
    cases: stores.cases,
    submitCase: createSubmitCase({
      cases: stores.cases,
      subjectOf: createCaseSubjects(stores.log),
      portalState: () => portalStateOf(parts),
      orderCollection: site.cases.orderCollection,
      onSubmitted: () => site.wake("cases"),
      clock,
    }),
    audit: parts.writeAudit,
    clock,
  });
  registerPatternRoutes(app, {
    patterns: stores.patterns,
    deploy: site.patterns.deploy,
    audit: parts.writeAudit,
    clock,
  });
  registerTaskRoutes(app, {
    showHome: homeOf(parts, listEndpoints),
    settings: stores.settings,
    onSettings: () => site.wake("patterns"),
    audit: (actor, action, detail) => parts.writeAudit(actor, action, "mitigation settings", detail),
    clock,
  });
  registerAuditRoutes(app, { audit: parts.audit, clock });
}

function nullOr<From, To>(value: From | null, map: (value: From) => To): To | null {
  return value === null ? null : map(value);
}

async function portalStateOf(parts: Parts): Promise<"ready" | "not-registered" | "sending-disabled"> {
  const [settings, registration] = await Promise.all([
    parts.stores.portal.settings(),
    parts.stores.portal.registration(),
  ]);
  if (registration === null) return "not-registered";
  return settings?.settings.sending === true ? "ready" : "sending-disabled";
}

/** Everything but what is over: open threats, and those in the middle of mitigation. */
const OF_HOME: readonly MitigationStatus[] = MITIGATION_STATUSES.filter(
  (status) => isUnresolved(status) || status === "queued" || status === "assessing" || status === "cleaning",
);

function homeOf(parts: Parts, listEndpoints: ReturnType<typeof createListEndpoints>) {
  const { stores } = parts;
  return createShowHome<EventRow>({
    openThreats: () => stores.log.standings(OF_HOME),
    eventsOf: async (ids) => (await stores.log.eventsOf(ids)).map(eventToWire),
    idOf: (event) => event.id,
    openCases: async () =>
      new Map((await stores.cases.allOpen()).map(({ threat, id, shortId, state }) => [threat, { id, shortId, state }])),
    threatsWaitingForOrder: async () =>
      new Set((await stores.patterns.inState("waits-for-order")).map(({ subject }) => subject.threatId)),
    endpointCounts: async () => {
      const { rows, connected } = await listEndpoints({});
      return {
        total: rows.length,
        connected,
        nonconforming: rows.filter(({ state }) => state === "nonconforming").length,
      };
    },
  });
}

import { hostname } from "node:os";
import { join } from "node:path";
import type { LowerKeys, Spool } from "@tms/link/lower";
import type { DiskAdmission, DiskState } from "@tms/link/upper";
import { AppError, type Clock, type CustomerId, type EndpointId, type Epoch, type ProductId } from "@tms/records";
import {
  type AgentNews,
  type AgentStore,
  type BatchStore,
  createGiveOrder,
  createHearOutcomes,
  type OrderOutcome,
  type OrderStore,
} from "#app/agents/index.ts";
import {
  type CaseStore,
  createHearCollection,
  createKeepCases,
  createOrderCollection,
  createPackageShelf,
  createPortalCases,
} from "#app/cases/index.ts";
import { type EndpointStore, isConnected, silenceMsOf } from "#app/endpoints/index.ts";
import {
  type ConsentKey,
  createDeployPatterns,
  createFetchPatterns,
  createFlushOutbox,
  createFollowDeployments,
  createPatternSource,
  type PatternStore,
} from "#app/patterns/index.ts";
import {
  createLinkMaker,
  createPassUpwards,
  createPortalLine,
  createRecentErrors,
  type DialledProxy,
  type PortalLinkStore,
  type ProxyStore,
} from "#app/portal-link/index.ts";
import { consentsByPolicy, type MitigationSettingsStore } from "#app/tasks/index.ts";
import type { ThreatLogStore } from "#app/threat-log/index.ts";
import { type LoopName, type Loops, startLoops } from "./compose-loops.ts";
import { composeRelay } from "./compose-relay.ts";
import { createDeploymentSubjects } from "./compose-subjects.ts";
import type { Instance } from "./instance-id.ts";
import { VERSION } from "./version.ts";

export interface SiteStores {
  agents: AgentStore;
  orders: OrderStore;
  batches: BatchStore;
  endpoints: EndpointStore;
  log: ThreatLogStore;
  cases: CaseStore;
  patterns: PatternStore;
  portal: PortalLinkStore;
  proxies: ProxyStore;
  settings: MitigationSettingsStore;
}

export interface SiteLog {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

export interface SiteDeps {
  dataDir: string;
  stores: SiteStores;
  news: AgentNews;
  keys: LowerKeys;
  spool: Spool;
  consentKey: ConsentKey;
  /** Names this installation; also the source of the threat events that it originates. */
  instance: Instance;
  heartbeatSeconds: number;
  /** The proxy in force. */
  proxy: () => Promise<DialledProxy | null>;
  disk: Pick<DiskAdmission, "state">;
  audit: (actor: string, action: string, subject: string, detail?: Record<string, unknown>) => Promise<void>;
  clock: Clock;
  log: SiteLog;
}

export type Site = ReturnType<typeof composeSite>;

/** Calls back when the portal answers again after it did not: what waited for it need not wait for a clock as well. */
function createReturnWatch(onReturn: () => void) {
  let before = "stopped";
  return (phase: string) => {
    const isBack = phase === "connected" && before !== "connected";
    before = phase;
    if (isBack) onReturn();
  };
}

/** Puts together everything that works by itself: relay, orders, cases, patterns and the line to the portal. */
export function composeSite(deps: SiteDeps) {
  const { stores, clock, log } = deps;
  const live: { loops: Loops | null; agents: number; diskReasons: { code: string; text: string }[] } = {
    loops: null,
    agents: 0,
    diskReasons: [],
  };
  const wake = (name: LoopName) => live.loops?.wake(name);
  const heed = createReturnWatch(() => {
    wake("patterns");
    wake("cases");
  });

  const errors = createRecentErrors();
  const { makeLink, tune } = createLinkMaker({
    keys: deps.keys,
    spool: deps.spool,
    proxy: deps.proxy,
    describe: () => ({
      version: VERSION,
      host: hostname(),
      instanceId: deps.instance.current(),
      agents: live.agents,
      reasons: [...(live.loops?.reasons() ?? []), ...live.diskReasons],
    }),
    onHint: (kind) => {
      if (kind === "look-for-patterns") wake("patterns");
      else if (kind === "case-changed") wake("cases");
      else line.sendNow();
    },
    onState: ({ phase, lastError }) => {
      if (lastError !== null) errors.note(lastError);
      wake("arrivals");
      heed(phase);
    },
    onTrust: (trust) => {
      stores.portal
        .followTrust(trust)
        .catch((error: unknown) => log.warn({ err: error }, "the pins of the settings page were not brought in step"));
    },
    clock,
    log,
  });
  const line = createPortalLine({
    store: stores.portal,
    proxy: deps.proxy,
    makeLink,
    tune,
    declareDisabled: (registration) => upwards.declareDisabled(registration.identity.product),
    onStarted: () => {
      wake("patterns");
      wake("cases");
    },
  });
  const upwards = createPassUpwards({ spool: deps.spool, store: stores.portal, isSending: line.isSending, clock });
  const giveOrder = createGiveOrder({ agents: stores.agents, orders: stores.orders, news: deps.news, clock });
  const site = { ...deps, line, upwards, giveOrder, wake };
  const patterns = composePatterns(site);
  const cases = composeCases(site);
  const relay = composeRelay(site, patterns.follow);
  const hearOutcomes = createHearOutcomes({
    orders: stores.orders,
    onOutcome: (outcome) => hearOutcome(outcome, { cases: cases.hearCollection, patterns: patterns.follow.outcome }),
    clock,
  });
  const arrivals = composeArrivals(site, (count) => {
    if (live.agents === count) return;
    live.agents = count;
    // The portal is told now, and not when its long poll ends.
    line.tellNow();
  });

  return {
    line,
    errors,
    giveOrder,
    wake,
    patterns,
    cases,
    relay,
    hearOutcomes,
    agentsConnected: () => live.agents,
    sitePins: () => pinsOf(stores.portal),
    isConnected: (endpoint: EndpointId) => connectedNow(site, endpoint),
    async start(): Promise<void> {
      live.loops = startLoops(
        {
          relay: [relay],
          orders: [hearOutcomes],
          cases: [cases.keep.watchCollecting, cases.keep.putStates, cases.keep.forwardPackages, cases.keep.pullChanges],
          patterns: [patterns.flushOutbox, patterns.fetchPatterns, patterns.deploy.deployVerified],
          arrivals: [
            arrivals,
            async () => {
              live.diskReasons = diskReasons(await deps.disk.state());
            },
          ],
        },
        log,
      );
      await line.apply();
    },
    async stop(): Promise<void> {
      await live.loops?.stop();
      await line.stop();
    },
  };
}

type SiteParts = SiteDeps & {
  line: ReturnType<typeof createPortalLine>;
  upwards: ReturnType<typeof createPassUpwards>;
  giveOrder: ReturnType<typeof createGiveOrder>;
  wake: (name: LoopName) => void;
};

async function pinsOf(portal: PortalLinkStore) {
  const registration = await portal.registration();
  if (registration === null) return null;
  const { customer, patternRoot } = registration.identity;
  return { customer, patternRoot };
}

async function connectedNow(site: SiteParts, id: EndpointId): Promise<boolean> {
  const endpoint = await site.stores.endpoints.get(id);
  const silence = { now: site.clock.now(), silenceMs: silenceMsOf(site.heartbeatSeconds) };
  return endpoint !== null && isConnected(endpoint, silence);
}

async function hearOutcome(
  outcome: OrderOutcome,
  to: { cases: (outcome: OrderOutcome) => Promise<void>; patterns: (outcome: OrderOutcome) => Promise<void> },
): Promise<void> {
  if (outcome.kind === "collect") await to.cases(outcome);
  if (outcome.kind === "apply-pattern") await to.patterns(outcome);
}

function composePatterns(site: SiteParts) {
  const { stores, clock } = site;
  const customer = async (): Promise<CustomerId | null> => (await pinsOf(stores.portal))?.customer ?? null;
  const request = () => {
    const found = site.line.request();
    if (found === null) throw new AppError("portal.sending_disabled");
    return found;
  };
  const source = createPatternSource({
    directory: join(site.dataDir, "pattern-mirror"),
    pins: () => pinsOf(stores.portal),
    fetch: {
      metadata: async (name) => request().patternMetadata(name),
      target: async (path, range) => request().patternTarget(path, range),
      nextSlice: async () => request().nextSlice(),
    },
    clock,
  });
  // Of this process: a source must not change while it numbers its records.
  const ownId = site.instance.current();
  const flushOutbox = createFlushOutbox({
    patterns: stores.patterns,
    log: (record, at) => stores.log.insertEvents([{ record, receivedAt: at, clockOffsetMs: null }]),
    spool: (number, record) =>
      site.upwards.records({ source: ownId as ProductId, stream: "threat-events", epoch: ownId as Epoch, number }, [
        record,
      ]),
    clock,
  });
  const fetchPatterns = createFetchPatterns({
    source,
    patterns: stores.patterns,
    customer,
    ownEndpoints: async (ids) => {
      const found = await Promise.all(ids.map((id) => stores.endpoints.get(id)));
      return found.flatMap((endpoint) => (endpoint === null ? [] : [{ id: endpoint.id, host: endpoint.host }]));
    },
    subjectOf: createDeploymentSubjects({ log: stores.log, cases: stores.cases }),
    onNewDeployments: () => site.wake("patterns"),
    onChanged: () => hintAgents(site),
    onRefused: (target, error) => {
      site.log.warn({ path: target.path, code: error.code, details: error.details }, "a pattern was refused");
      void site.audit("mitigator", "pattern.refused", target.path, { code: error.code });
    },
    clock,
  });
  const deploy = createDeployPatterns({
    patterns: stores.patterns,
    source,
    customer,
    consentKey: site.consentKey,
    consentsByPolicy: async () => consentsByPolicy(await stores.settings.read()),
    giveOrder: site.giveOrder,
    flushOutbox,
    clock,
  });
  return {
    source,
    flushOutbox,
    deploy,
    follow: createFollowDeployments({ patterns: stores.patterns, onTold: () => site.wake("patterns"), clock }),
    // Without a line there is nothing to fetch from; what was fetched goes on without it.
    fetchPatterns: async () => {
      if (site.line.request() !== null) await fetchPatterns();
    },
  };
}

/** Connected agents look at once; one that is away looks when it comes back. */
async function hintAgents(site: SiteParts): Promise<void> {
  const silence = { now: site.clock.now(), silenceMs: silenceMsOf(site.heartbeatSeconds) };
  for (const endpoint of await site.stores.endpoints.all()) {
    if (!isConnected(endpoint, silence)) continue;
    await site.giveOrder({ endpoint: endpoint.id, kind: "look-for-patterns", payload: {} });
  }
}

function composeCases(site: SiteParts) {
  const { stores, clock } = site;
  const orderCollection = createOrderCollection({ cases: stores.cases, giveOrder: site.giveOrder, clock });
  const shelf = createPackageShelf(join(site.dataDir, "packages"));
  return {
    orderCollection,
    shelf,
    hearCollection: createHearCollection({ cases: stores.cases, onChanged: () => site.wake("cases"), clock }),
    keep: createKeepCases({
      cases: stores.cases,
      portal: () => {
        const request = site.line.request();
        return request === null ? null : createPortalCases(request);
      },
      orderCollection,
      isDelivered: (one) => stores.orders.isDelivered(one.directive),
      isConnected: (endpoint) => connectedNow(site, endpoint),
      shelf,
      clock,
    }),
  };
}

/** Notes what the portal has: an empty spool says that everything noted before lies there. */
function composeArrivals(site: SiteParts, onAgents: (count: number) => void) {
  return async function noteArrivals(): Promise<void> {
    const silence = { now: site.clock.now(), silenceMs: silenceMsOf(site.heartbeatSeconds) };
    onAgents((await site.stores.endpoints.all()).filter((endpoint) => isConnected(endpoint, silence)).length);
    for (const stream of site.spool.streams) {
      const newest = await site.stores.portal.newestWaiting(stream);
      if (newest === null) continue;
      const report = site.spool.report().find((one) => one.stream === stream);
      if (report?.spooledRecords === 0) await site.stores.portal.arrived(stream, newest, site.clock.now());
    }
  };
}

/** While something is refused for want of space, this mitigator says so with every heartbeat. */
function diskReasons({ freeShare, refused }: DiskState): { code: string; text: string }[] {
  if (refused.length === 0) return [];
  const fullPercent = Math.floor((1 - freeShare) * 100);
  return [{ code: "disk.low", text: `The disk is ${fullPercent} % full: ${refused.join(", ")} of agents wait.` }];
}

import { join } from "node:path";
import type { Authority } from "@tms/link";
import { createBatchIntake, type createIdentityChanges, type DiskAdmission } from "@tms/link/upper";
import type { Clock } from "@tms/records";
import {
  type createAgentNews,
  type createAtWork,
  createEnrolAgent,
  createRenewAgent,
  createTakeHeartbeat,
  type Issuer,
  registerAgentListener,
} from "#app/agents/index.ts";
import { createReceivePackage, packagePortOf } from "#app/cases/index.ts";
import { isConnected, silenceMsOf } from "#app/endpoints/index.ts";
import { createServePatterns, patternPortOf } from "#app/patterns/index.ts";
import type { Site, SiteStores } from "./compose-site.ts";

export interface AgentParts {
  dataDir: string;
  disk: DiskAdmission;
  authority: Authority;
  stores: SiteStores;
  site: Site;
  news: ReturnType<typeof createAgentNews>;
  atWork: ReturnType<typeof createAtWork>;
  identityChanges: ReturnType<typeof createIdentityChanges>;
  heartbeatSeconds: number;
  writeAudit: (actor: string, action: string, subject: string, detail?: Record<string, unknown>) => Promise<void>;
  clock: Clock;
}

/** An agent renews at two thirds of it. */
const CERTIFICATE_DAYS = 90;

/** The listener for agents: everything that the hop below may ask of this site. */
export function listenToAgents(app: Parameters<typeof registerAgentListener>[0], parts: AgentParts): void {
  const { stores, site, clock } = parts;
  const silenceMs = silenceMsOf(parts.heartbeatSeconds);
  const issuer: Issuer = { issueClient: (ask) => parts.authority.issueClient({ ...ask, days: CERTIFICATE_DAYS }) };
  const enrolAgent = createEnrolAgent({
    agents: stores.agents,
    issuer,
    site: site.sitePins,
    onEnrolled: (agent, { host, address, version }) =>
      stores.endpoints.enrolled(agent.endpoint, { host, address, agentVersion: version }, clock.now()),
    clock,
  });
  const takeHeartbeat = createTakeHeartbeat({
    agents: stores.agents,
    orders: stores.orders,
    onSeen: async (endpoint, facts) => {
      const before = await stores.endpoints.get(endpoint);
      const silence = { now: clock.now(), silenceMs };
      await stores.endpoints.seen(endpoint, facts, silence);
      if (before === null || !isConnected(before, silence)) site.wake("arrivals");
    },
    onOutcomes: () => site.wake("orders"),
    onClone: async ({ product, endpoint }) => {
      await parts.writeAudit("mitigator", "agent.clone-found", endpoint);
      parts.identityChanges.tell(product);
    },
    heartbeatSeconds: parts.heartbeatSeconds,
    clock,
  });
  const receive = createReceivePackage({
    cases: stores.cases,
    shelf: site.cases.shelf,
    onReceived: () => site.wake("cases"),
    clock,
  });
  const serve = createServePatterns({
    source: site.patterns.source,
    patterns: stores.patterns,
    countRequest: (endpoint) => stores.endpoints.countPatternRequest(endpoint),
  });
  registerAgentListener(app, {
    agents: stores.agents,
    orders: stores.orders,
    batches: stores.batches,
    news: parts.news,
    atWork: parts.atWork,
    enrolAgent,
    renewAgent: createRenewAgent({ agents: stores.agents, issuer }),
    takeHeartbeat,
    identityChanges: parts.identityChanges,
    intake: createBatchIntake({
      directory: join(parts.dataDir, "agent-batches"),
      store: stores.batches.intake,
      admission: parts.disk,
      clock,
    }),
    packages: packagePortOf(join(parts.dataDir, "uploads"), receive, () => parts.disk.admit("forensics")),
    patterns: patternPortOf(serve),
    authority: parts.authority,
    audit: parts.writeAudit,
    clock,
  });
}

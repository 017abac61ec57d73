import type {
  HeartbeatAnswer,
  HeartbeatRequest,
  RegisterAnswer,
  RegisterRequest,
  RenewAnswer,
  RenewRequest,
} from "@tms/contracts/link";
import { mitigationRoutes } from "@tms/contracts/mitigator";
import { type Authority, BATCH_LIMITS } from "@tms/link";
import {
  announcedTrust,
  arrivingStart,
  type BatchIntake,
  type createIdentityChanges,
  heartbeatDigest,
  type IdentitySource,
  type PackagePort,
  type PatternPort,
  type Peer,
  registerLogServer,
  registerStatusServer,
} from "@tms/link/upper";
import { AppError, type Clock, type EndpointId, type Sha256 } from "@tms/records";
import { implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import type { Agent } from "./agent.ts";
import type { AgentNews } from "./agent-news.ts";
import type { AgentStore } from "./agent-store.ts";
import type { AtWork } from "./at-work.ts";
import type { BatchStore } from "./batch-store.ts";
import type { createEnrolAgent } from "./enrol-agent.ts";
import type { createMakeEnrolmentToken, TokenFacts } from "./make-enrolment-token.ts";
import type { OrderStore } from "./order-store.ts";
import type { createRemoveAgent } from "./remove-agent.ts";
import type { createRenewAgent } from "./renew-agent.ts";
import type { createTakeHeartbeat } from "./take-heartbeat.ts";

export interface AgentListenerDeps {
  agents: AgentStore;
  orders: OrderStore;
  batches: BatchStore;
  news: AgentNews;
  atWork: AtWork;
  enrolAgent: ReturnType<typeof createEnrolAgent>;
  renewAgent: ReturnType<typeof createRenewAgent>;
  takeHeartbeat: ReturnType<typeof createTakeHeartbeat>;
  /** Whose identity changed: their open connections are looked at again. */
  identityChanges: ReturnType<typeof createIdentityChanges>;
  intake: BatchIntake;
  packages: PackagePort;
  patterns: PatternPort;
  /** What agents know us by; it may roll over while the server runs. */
  authority: Authority;
  audit: (actor: string, action: string, subject: string, detail?: Record<string, unknown>) => Promise<void>;
  clock: Clock;
}

/** The mitigator as upper party: everything that agents may ask of it. */
export function registerAgentListener(app: FastifyInstance, deps: AgentListenerDeps): void {
  const identity = identityOf(deps.agents, deps.identityChanges);
  registerStatusServer(app, {
    identity,
    credentials: null,
    role: "status-server",
    register: (request, from) => register(deps, request, from.address),
    renew: (peer, request) => renew(deps, peer, request),
    unregister: async (peer) => {
      await deps.agents.end(peer.product);
      deps.identityChanges.tell(peer.product);
      await deps.audit(`endpoint ${endpointOf(peer)}`, "agent.unregistered", endpointOf(peer));
    },
    heartbeats: {
      accept: (peer, request, from) =>
        deps.atWork.run(() =>
          deps.takeHeartbeat(
            { product: peer.product, endpoint: endpointOf(peer), address: from.address },
            heartbeatOf(request, from),
          ),
        ),
      // A poll that a stop has released still asks for its answer.
      answer: (peer) => deps.atWork.run(() => answer(deps, peer)),
      waitForNews: async (peer, signal) => {
        const endpoint = endpointOf(peer);
        const woken = deps.news.next(endpoint, signal);
        // An order may have been given between the first answer and the wait.
        if (await deps.orders.hasUndelivered(endpoint, deps.clock.now())) return;
        await woken;
      },
    },
    trust: () => announcedTrust(deps.authority, null),
    cases: null,
    packages: deps.packages,
    patterns: deps.patterns,
  });
  registerLogServer(app, { identity, credentials: null, intake: deps.intake });
}

function identityOf(
  agents: Pick<AgentStore, "agentBySpki" | "takeOver">,
  changes: AgentListenerDeps["identityChanges"],
): IdentitySource {
  const bySpki = async (spki: Sha256) => {
    const known = await agents.agentBySpki(spki);
    if (known !== null) return known;
    const renewed = await agents.takeOver(spki);
    // Connections with the old key end here.
    if (renewed !== null) changes.tell(renewed.product);
    return renewed;
  };
  return {
    onChange: changes.onChange,
    bySpki: async (spki) => {
      const agent = await bySpki(spki);
      return agent === null
        ? { kind: "unknown" }
        : {
            kind: "known",
            peer: peerOf(agent),
            registration: agent.registration,
            certificateNotAfter: agent.certificateNotAfter,
            isCloned: agent.clonedAt !== null,
          };
    },
    // Agents send over HTTPS only; there is no SSH listener on this hop.
    bySshKey: async () => ({ kind: "unknown" }),
  };
}

function peerOf(agent: Agent): Peer {
  return {
    customer: agent.customer,
    product: agent.product,
    endpoint: agent.endpoint,
    kind: "agent",
    signingKeySpki: Buffer.from(agent.signingKey, "base64"),
    customerExpired: false,
  };
}

function endpointOf(peer: Peer): EndpointId {
  if (peer.endpoint === null) throw new AppError("link.identity_unknown", { product: peer.product });
  return peer.endpoint;
}

async function register(deps: AgentListenerDeps, request: RegisterRequest, address: string): Promise<RegisterAnswer> {
  const { credentials } = request;
  // Agents prove themselves by token; there are no user names on this hop.
  if (credentials.kind !== "token" || request.kind !== "agent") throw new AppError("link.token_unknown");
  const { agent, certificatePem, patternRoot } = await deps.enrolAgent({
    token: { id: credentials.id, secret: credentials.secret },
    certificateRequest: request.certificateRequest,
    signingKey: request.signingKey,
    instanceId: request.instanceId,
    host: request.host,
    version: request.version,
    address,
    endpoint: request.endpoint ?? null,
  });
  await deps.audit(`token ${credentials.id}`, "agent.enrolled", agent.endpoint);
  return {
    ...answerOf(deps, agent, certificatePem),
    endpoint: agent.endpoint,
    patternRoot,
  };
}

async function renew(deps: AgentListenerDeps, peer: Peer, request: RenewRequest): Promise<RenewAnswer> {
  // There is no SSH on this hop: the SSH key comes along and counts for nothing.
  const { certificatePem, tlsSpki } = await deps.renewAgent(peer, request.certificateRequest);
  await deps.audit(`endpoint ${endpointOf(peer)}`, "agent.renewed", endpointOf(peer), { fingerprint: tlsSpki });
  return answerOf(deps, peer, certificatePem);
}

function answerOf(
  deps: AgentListenerDeps,
  { product, customer }: Pick<Peer, "product" | "customer">,
  certificate: string,
): RenewAnswer {
  return {
    product,
    customer,
    certificate,
    ca: deps.authority.caPem,
    sshHostKeys: [],
    serverTime: deps.clock.now().toISOString(),
    limits: {
      batchBytes: BATCH_LIMITS.batchBytes,
      batchRecords: BATCH_LIMITS.records,
      packageBytes: deps.packages.maxBytes ?? DEFAULT_PACKAGE_BYTES,
    },
  };
}

const DEFAULT_PACKAGE_BYTES = 1024 * 1024 * 1024;

function heartbeatOf(request: HeartbeatRequest, from: { address: string }) {
  return {
    arriving: arrivingStart(request, { ...from, contentDigest: heartbeatDigest(request) }),
    version: request.version,
    host: request.host,
    localTime: new Date(request.localTime),
    ready: request.ready.ok,
    announced: request.streams.map(({ stream, epoch, sealedTo }) => ({ stream, epoch, sealedTo })),
    trust: request.trust ?? null,
    outcomes: request.outcomes.map(({ id, ok, code, detail }) => ({
      id,
      ok,
      code: code ?? null,
      detail: detail ?? null,
    })),
  };
}

/** Between two long polls: the poll itself waits for news, so a longer pause would only make orders late. */
const PAUSE_SECONDS = 1;

async function answer(deps: AgentListenerDeps, peer: Peer): Promise<HeartbeatAnswer> {
  const now = deps.clock.now();
  const [orders, positions] = await Promise.all([
    deps.orders.deliver(endpointOf(peer), now),
    deps.batches.positions(peer.product),
  ]);
  return {
    serverTime: now.toISOString(),
    nextSeconds: PAUSE_SECONDS,
    directives: orders.map(({ id, kind, payload, expiresAt }) => ({
      id,
      kind,
      payload,
      expiresAt: expiresAt.toISOString(),
    })),
    positions,
  };
}

/** The console's part: enrolment tokens, and the end of an agent. */
export function registerTokenRoutes(
  app: FastifyInstance,
  deps: {
    removeAgent: ReturnType<typeof createRemoveAgent>;
    makeEnrolmentToken: ReturnType<typeof createMakeEnrolmentToken>;
    encode: (facts: TokenFacts) => string;
    audit: (actor: string, action: string, subject: string) => Promise<void>;
  },
): void {
  implement(app, mitigationRoutes.makeEnrolmentToken, async ({ body, session }) => {
    const facts = await deps.makeEnrolmentToken({ ...body, createdBy: session.userName });
    await deps.audit(session.userName, "enrolment-token.made", facts.id);
    return { token: deps.encode(facts), expiresAt: facts.expiresAt.toISOString(), uses: facts.uses };
  });
  implement(app, mitigationRoutes.removeAgent, async ({ params, body, session }) => {
    await deps.removeAgent(params.id, body.typedName);
    await deps.audit(session.userName, "agent.removed", params.id);
    return { removed: true as const };
  });
}

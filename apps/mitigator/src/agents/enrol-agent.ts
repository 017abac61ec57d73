import {
  AppError,
  type Clock,
  type CustomerId,
  type EndpointId,
  newId,
  type ProductId,
  type Sha256,
} from "@tms/records";
import type { Agent, Allowance } from "./agent.ts";
import { checkToken, type KeptToken } from "./enrolment-token.ts";
import { type SitePins, sha256Of } from "./make-enrolment-token.ts";

export interface EnrolmentRequest {
  token: { id: string; secret: string };
  certificateRequest: string;
  /** SPKI, DER, base64. */
  signingKey: string;
  instanceId: string;
  host: string;
  version: string;
  address: string;
  /** An agent that enrols again names the endpoint it was. */
  endpoint: EndpointId | null;
}

export interface Enrolled {
  agent: Agent;
  certificatePem: string;
  patternRoot: Sha256;
}

export interface EnrolmentStore {
  token(id: string): Promise<KeptToken | null>;
  agentOf(endpoint: EndpointId): Promise<Agent | null>;
  agentBySpki(spki: Sha256): Promise<Agent | null>;
  /**
   * Counts one use of the token and stores the agent, together.
   *
   * @returns false if a use was no longer left.
   */
  enrol(tokenId: string, agent: Agent): Promise<boolean>;
}

export interface Issuer {
  /** Checks the request's own signature, so that holding the key is proved. */
  issueClient(ask: { csrPem: string; customer: CustomerId; product: ProductId }): Promise<{
    certPem: string;
    spki: Sha256;
    notAfter: Date;
  }>;
}

/**
 * Enrols an agent by token.
 *
 * E1 An endpoint id is kept only by whoever holds the TLS key that it had; the certificate request proves that.
 * E2 A use is counted in the same transaction that stores the agent, so that two at once never share the last use.
 * E3 A key that is known already and names no endpoint gets its own endpoint back: enrolling twice is one agent.
 * E4 A key that two machines hold gets nothing: each of them comes back with keys of its own, and gets its own endpoint.
 *
 * @throws {AppError} `link.token_*`, `link.endpoint_taken`, `link.identity_clone`, `link.csr_invalid`, `portal.not_registered`.
 */
export function createEnrolAgent(deps: {
  agents: EnrolmentStore;
  issuer: Issuer;
  site: () => Promise<SitePins | null>;
  onEnrolled: (agent: Agent, facts: { host: string; address: string; version: string }) => Promise<void>;
  clock: Clock;
}) {
  return async function enrolAgent(request: EnrolmentRequest): Promise<Enrolled> {
    const now = deps.clock.now();
    const token = checkToken(
      await deps.agents.token(request.token.id),
      { secretSha256: sha256Of(request.token.secret) },
      now,
    );
    const pins = await deps.site();
    if (pins === null) throw new AppError("portal.not_registered");
    const product = newId<ProductId>();
    const issued = await deps.issuer.issueClient({
      csrPem: request.certificateRequest,
      customer: pins.customer,
      product,
    });
    const agent: Agent = {
      endpoint: await endpointFor(request, issued.spki, deps.agents),
      product,
      customer: pins.customer,
      registration: "registered",
      tlsSpki: issued.spki,
      signingKey: request.signingKey,
      instanceId: request.instanceId,
      allow: token.allow as readonly Allowance[],
      certificateNotAfter: issued.notAfter,
      enrolledAt: now,
      clockOffsetMs: 0,
      clonedAt: null,
    };
    if (!(await deps.agents.enrol(token.id, agent))) throw new AppError("link.token_used_up", { id: token.id });
    await deps.onEnrolled(agent, request);
    return { agent, certificatePem: issued.certPem, patternRoot: pins.patternRoot };
  };
}

async function endpointFor(request: EnrolmentRequest, spki: Sha256, agents: EnrolmentStore): Promise<EndpointId> {
  const holder = await agents.agentBySpki(spki);
  if (holder !== null && holder.clonedAt !== null) {
    throw new AppError("link.identity_clone", { endpoint: holder.endpoint });
  }
  if (request.endpoint === null) return holder?.endpoint ?? newId<EndpointId>();
  const named = await agents.agentOf(request.endpoint);
  if (named === null || named.tlsSpki !== spki) {
    throw new AppError("link.endpoint_taken", { endpoint: request.endpoint });
  }
  return named.endpoint;
}

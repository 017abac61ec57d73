import { AppError, type CustomerId, type ProductId, type Sha256 } from "@tms/records";
import type { Agent } from "./agent.ts";
import type { Issuer } from "./enrol-agent.ts";

export interface RenewalStore {
  agentByProduct(product: ProductId): Promise<Agent | null>;
  /** Lets this key wait beside the one in force; one that waited before is forgotten. */
  keepRenewal(product: ProductId, renewed: { tlsSpki: Sha256; certificateNotAfter: Date }): Promise<void>;
}

/**
 * Certifies a new key of an enrolled agent; the old one ends with the first request that comes with the new one.
 *
 * @throws {AppError} `link.csr_invalid` for a request that does not verify, and for the key that is in use.
 */
export function createRenewAgent(deps: { agents: RenewalStore; issuer: Issuer }) {
  return async function renewAgent(
    from: { customer: CustomerId; product: ProductId },
    csrPem: string,
  ): Promise<{ certificatePem: string; tlsSpki: Sha256 }> {
    const agent = await deps.agents.agentByProduct(from.product);
    if (agent === null) throw new AppError("link.identity_unknown", { product: from.product });
    const issued = await deps.issuer.issueClient({ csrPem, customer: from.customer, product: from.product });
    if (issued.spki === agent.tlsSpki) throw new AppError("link.csr_invalid", { reason: "a renewal needs a new key" });
    await deps.agents.keepRenewal(from.product, { tlsSpki: issued.spki, certificateNotAfter: issued.notAfter });
    return { certificatePem: issued.certPem, tlsSpki: issued.spki };
  };
}

import { AppError, type EndpointId, type ProductId } from "@tms/records";
import type { Agent } from "./agent.ts";

/**
 * A person removes an endpoint's agent: its credentials are worth nothing from now on; the endpoint's history stays.
 *
 * @throws {AppError} `endpoint.unknown`, `confirmation.name_differs`.
 */
export function createRemoveAgent(deps: {
  agents: { agentOf(endpoint: EndpointId): Promise<Agent | null>; revoke(product: ProductId): Promise<void> };
  hostOf: (endpoint: EndpointId) => Promise<string | null>;
  onRevoked: (product: ProductId) => void;
}) {
  return async function removeAgent(endpoint: EndpointId, typedName: string): Promise<void> {
    const [agent, host] = await Promise.all([deps.agents.agentOf(endpoint), deps.hostOf(endpoint)]);
    if (agent === null || host === null) throw new AppError("endpoint.unknown", { endpoint });
    if (typedName !== host) throw new AppError("confirmation.name_differs", { endpoint });
    await deps.agents.revoke(agent.product);
    deps.onRevoked(agent.product);
  };
}

import { AppError, type Clock, type DirectiveId, type EndpointId, newId } from "@tms/records";
import { allowanceFor, ORDER_LIFE_DAYS, type OrderKind } from "./agent.ts";
import type { AgentStore } from "./agent-store.ts";
import type { OrderStore } from "./order-store.ts";

const DAY_MS = 86_400_000;

/**
 * Gives an agent an order; it waits until the agent has answered it or its time is over.
 *
 * @throws {AppError} `endpoint.unknown`, `directive.not_allowed`.
 */
export function createGiveOrder(deps: {
  agents: Pick<AgentStore, "agentOf">;
  orders: Pick<OrderStore, "insert">;
  news: { wake(endpoint: EndpointId): void };
  clock: Clock;
}) {
  return async function giveOrder(ask: {
    /** Given by whoever must be able to repeat the order after a crash. */
    id?: DirectiveId;
    endpoint: EndpointId;
    kind: OrderKind;
    payload: Record<string, unknown>;
  }): Promise<DirectiveId> {
    const agent = await deps.agents.agentOf(ask.endpoint);
    if (agent === null) throw new AppError("endpoint.unknown", { endpoint: ask.endpoint });
    const needed = allowanceFor(ask.kind);
    if (needed !== null && !agent.allow.includes(needed)) {
      throw new AppError("directive.not_allowed", { endpoint: ask.endpoint, kind: ask.kind });
    }
    const now = deps.clock.now();
    const id = ask.id ?? newId<DirectiveId>();
    const expiresAt = new Date(now.getTime() + ORDER_LIFE_DAYS * DAY_MS);
    await deps.orders.insert({ id, endpoint: ask.endpoint, kind: ask.kind, payload: ask.payload, expiresAt }, now);
    deps.news.wake(ask.endpoint);
    return id;
  };
}

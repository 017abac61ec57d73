import { AppError, type Clock, type EndpointId, type ProductId, type Sha256 } from "@tms/records";
import type { AgentStore, HeartbeatMark } from "./agent-store.ts";
import type { OrderStore, ReportedOutcome } from "./order-store.ts";

export interface AgentHeartbeat {
  start: string;
  counter: number;
  digest: Sha256;
  version: string;
  host: string;
  localTime: Date;
  ready: boolean;
  announced: HeartbeatMark["announced"];
  outcomes: readonly ReportedOutcome[];
}

/**
 * Takes in an agent's heartbeat: outcomes of orders are committed before it is answered.
 *
 * @throws {AppError} `link.counter_replayed` for a counter that was passed already.
 */
export function createTakeHeartbeat(deps: {
  agents: Pick<AgentStore, "markHeartbeat">;
  orders: Pick<OrderStore, "report">;
  onSeen: (
    endpoint: EndpointId,
    facts: { host: string; address: string; agentVersion: string; ready: boolean },
  ) => Promise<void>;
  onOutcomes: () => void;
  clock: Clock;
}) {
  return async function takeHeartbeat(
    from: { product: ProductId; endpoint: EndpointId; address: string },
    heartbeat: AgentHeartbeat,
  ): Promise<void> {
    const now = deps.clock.now();
    const marked = await deps.agents.markHeartbeat(from.product, {
      start: heartbeat.start,
      counter: heartbeat.counter,
      digest: heartbeat.digest,
      clockOffsetMs: heartbeat.localTime.getTime() - now.getTime(),
      announced: heartbeat.announced,
    });
    if (marked === "replayed") throw new AppError("link.counter_replayed", { product: from.product });
    // A retry may bring outcomes whose first answer was lost; they are idempotent by id.
    await deps.orders.report(from.endpoint, heartbeat.outcomes, now);
    if (heartbeat.outcomes.length > 0) deps.onOutcomes();
    await deps.onSeen(from.endpoint, {
      host: heartbeat.host,
      address: from.address,
      agentVersion: heartbeat.version,
      ready: heartbeat.ready,
    });
  };
}

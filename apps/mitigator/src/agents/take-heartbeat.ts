import { randomUUID } from "node:crypto";
import { type ArrivingStart, type Hearing, hearingOf, isTaken, judgeStart } from "@tms/link/upper";
import type { Clock, EndpointId, ProductId } from "@tms/records";
import type { AgentStore, HeartbeatMark } from "./agent-store.ts";
import type { OrderStore, ReportedOutcome } from "./order-store.ts";

export interface AgentHeartbeat {
  /** Which installation it is from, and what it said before. */
  arriving: ArrivingStart;
  version: string;
  host: string;
  localTime: Date;
  ready: boolean;
  announced: HeartbeatMark["announced"];
  trust: HeartbeatMark["trust"];
  outcomes: readonly ReportedOutcome[];
}

/** Three intervals without a heartbeat of the start in force: then a restored backup takes over. */
const RESTORE_AFTER_INTERVALS = 3;

/**
 * Takes in an agent's heartbeat: outcomes of orders are committed before it is answered. Of a start that is not in force
 * nothing is taken but that it spoke.
 *
 * @throws {AppError} `link.counter_replayed` for a counter that was passed already, `link.identity_clone`.
 */
export function createTakeHeartbeat(deps: {
  agents: Pick<AgentStore, "markHeartbeat">;
  orders: Pick<OrderStore, "report">;
  onSeen: (
    endpoint: EndpointId,
    facts: { host: string; address: string; agentVersion: string; ready: boolean },
  ) => Promise<void>;
  onOutcomes: () => void;
  /** Two installations proved to hold the identity of this agent. */
  onClone: (from: { product: ProductId; endpoint: EndpointId }) => Promise<void>;
  heartbeatSeconds: number;
  clock: Clock;
}) {
  const silenceMs = RESTORE_AFTER_INTERVALS * deps.heartbeatSeconds * 1000;

  return async function takeHeartbeat(
    from: { product: ProductId; endpoint: EndpointId; address: string },
    heartbeat: AgentHeartbeat,
  ): Promise<Hearing> {
    const now = deps.clock.now();
    const clockOffsetMs = heartbeat.localTime.getTime() - now.getTime();
    const time = { nowMs: now.getTime(), silenceMs, newChallenge: randomUUID() };
    const judged = await deps.agents.markHeartbeat(
      from.product,
      { clockOffsetMs, announced: heartbeat.announced, trust: heartbeat.trust },
      (known) => judgeStart(known, heartbeat.arriving, time),
    );
    if (judged.kind === "clone") await deps.onClone(from);
    const hearing = hearingOf(judged, { product: from.product, at: now });
    if (!isTaken(judged.kind) && judged.kind !== "retry") return hearing;
    // A retry may bring outcomes whose first answer was lost; they are idempotent by id.
    await deps.orders.report(from.endpoint, heartbeat.outcomes, now);
    if (heartbeat.outcomes.length > 0) deps.onOutcomes();
    await deps.onSeen(from.endpoint, {
      host: heartbeat.host,
      address: from.address,
      agentVersion: heartbeat.version,
      ready: heartbeat.ready,
    });
    return hearing;
  };
}

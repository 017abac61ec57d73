import { join } from "node:path";
import { openKeyRoll, type RollOrder, type RollParty, type RollReport, takeRollStep } from "@tms/link";
import { AppError, type Clock, systemClock } from "@tms/records";
import type { Audit } from "@tms/server-kit";
import type { AgentStore } from "#app/agents/index.ts";
import type { EndpointStore } from "#app/endpoints/index.ts";

export interface RollPlace {
  agents: Pick<AgentStore, "trusting">;
  endpoints: Pick<EndpointStore, "all">;
  audit: Pick<Audit, "write">;
  dataDir: string;
  clock?: Clock;
}

/**
 * A step of the roll-over of this mitigator's CA, beside the running mitigator or without it.
 *
 * @throws {AppError} `cli.usage` for the SSH host key: agents send over HTTPS alone, and there is none.
 */
export async function rollMitigatorKey(order: RollOrder, place: RollPlace): Promise<RollReport> {
  if (order.key !== "ca") throw new AppError("cli.usage", { reason: "a mitigator has no SSH host key" });
  const { audit, dataDir, clock = systemClock } = place;
  return takeRollStep(order, {
    roll: openKeyRoll(order.key, { directory: join(dataDir, "ca"), clock }),
    parties: () => partiesOf(place),
    audit: (action, detail) => audit.write({ actor: order.by, action, subject: "mitigator", detail }),
  });
}

async function partiesOf(place: RollPlace): Promise<RollParty[]> {
  const [endpoints, agents] = await Promise.all([place.endpoints.all(), place.agents.trusting()]);
  const known = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
  return agents.map(({ endpoint, trust }) => {
    const { host = "", lastHeartbeatAt = null } = known.get(endpoint) ?? {};
    return { id: endpoint, name: host, host, customer: null, lastSeenAt: lastHeartbeatAt, trust };
  });
}

import { mitigationRoutes } from "@tms/contracts/mitigator";
import type { Clock } from "@tms/records";
import { implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import type { createListEndpoints } from "./list-endpoints.ts";

export function registerEndpointRoutes(
  app: FastifyInstance,
  deps: { listEndpoints: ReturnType<typeof createListEndpoints>; clock: Clock },
): void {
  implement(app, mitigationRoutes.listEndpoints, async ({ query }) => {
    const { rows } = await deps.listEndpoints(query);
    const from = (query.page - 1) * query.pageSize;
    return {
      rows: rows.slice(from, from + query.pageSize).map((row) => ({
        id: row.id,
        host: row.host,
        address: row.address,
        state: row.state,
        stateSince: row.stateSince?.toISOString() ?? null,
        agentVersion: row.agentVersion,
        lastHeartbeatAt: row.lastHeartbeatAt?.toISOString() ?? null,
        unresolvedThreats: row.unresolvedThreats,
        enrolledAt: row.enrolledAt.toISOString(),
        patternRequests: row.patternRequests,
      })),
      total: rows.length,
      asOf: deps.clock.now().toISOString(),
    };
  });
}

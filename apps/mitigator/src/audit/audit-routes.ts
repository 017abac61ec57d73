import { mitigationRoutes } from "@tms/contracts/mitigator";
import type { Clock } from "@tms/records";
import { type Audit, implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";

/** The audit log, newest first. */
export function registerAuditRoutes(app: FastifyInstance, deps: { audit: Audit; clock: Clock }): void {
  implement(app, mitigationRoutes.mitigatorAudit, async ({ query }) => {
    const { rows, total } = await deps.audit.list(query);
    return { rows, total, asOf: deps.clock.now().toISOString() };
  });
}

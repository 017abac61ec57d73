import { portalAccessRoutes } from "@tms/contracts/portal";
import type { Clock } from "@tms/records";
import { type Audit, implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";

/** The audit log as administrators read it, newest first. */
export function registerAuditRoute(app: FastifyInstance, deps: { audit: Audit; clock: Clock }): void {
  implement(app, portalAccessRoutes.portalAudit, async ({ query }) => {
    const page = await deps.audit.list(query);
    const rows = page.rows.map(({ at, actor, action, subject, detail }) => ({ at, actor, action, subject, detail }));
    return { rows, total: page.total, asOf: deps.clock.now().toISOString() };
  });
}

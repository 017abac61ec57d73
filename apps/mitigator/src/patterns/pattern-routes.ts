import { mitigationRoutes } from "@tms/contracts/mitigator";
import type { PatternPort } from "@tms/link/upper";
import { AppError, type Clock } from "@tms/records";
import { implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import type { createDeployPatterns } from "./deploy-patterns.ts";
import type { Deployment } from "./deployment.ts";
import type { PatternStore } from "./pattern-store.ts";
import { deploymentToWire } from "./pattern-wire.ts";
import type { createServePatterns } from "./serve-patterns.ts";

export interface PatternRouteDeps {
  patterns: PatternStore;
  deploy: ReturnType<typeof createDeployPatterns>;
  audit: (actor: string, action: string, subject: string, detail: Record<string, unknown>) => Promise<void>;
  clock: Clock;
}

export function registerPatternRoutes(app: FastifyInstance, deps: PatternRouteDeps): void {
  implement(app, mitigationRoutes.listDeployments, async ({ query }) => {
    const { rows, total } = await deps.patterns.list(query);
    return { rows: rows.map(deploymentToWire), total, asOf: deps.clock.now().toISOString() };
  });

  implement(app, mitigationRoutes.deployPattern, async ({ body, session }) => {
    const deployed = await deps.deploy.deployByHand(body, session.userName);
    await deps.audit(session.userName, "pattern.deployed", nameOf(deployed), { endpoint: body.endpoint });
    return deploymentToWire(deployed);
  });

  implement(app, mitigationRoutes.undoCleanup, async ({ body, session }) => {
    const undone = await deps.deploy.undo(body);
    await deps.audit(session.userName, "cleanup.undo-ordered", nameOf(undone), { endpoint: body.endpoint });
    return deploymentToWire(undone);
  });
}

function nameOf(deployment: Deployment): string {
  return `${deployment.pattern} v${deployment.version}`;
}

/** The agents' side: the verified mirror. */
export function patternPortOf(serve: ReturnType<typeof createServePatterns>): PatternPort {
  return {
    metadata: (_peer, name) => serve.metadata(name),
    target: (peer, path) => {
      if (peer.endpoint === null) throw new AppError("link.identity_unknown");
      return serve.target(peer.endpoint, path);
    },
  };
}

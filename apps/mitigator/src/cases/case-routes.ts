import { mitigationRoutes } from "@tms/contracts/mitigator";
import type { PackagePort } from "@tms/link/upper";
import type { Clock } from "@tms/records";
import { implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import type { CaseStore } from "./case-store.ts";
import { caseToWire } from "./case-wire.ts";
import type { createReceivePackage } from "./receive-package.ts";
import type { createSubmitCase } from "./submit-case.ts";

export function registerCaseRoutes(
  app: FastifyInstance,
  deps: {
    cases: CaseStore;
    submitCase: ReturnType<typeof createSubmitCase>;
    audit: (actor: string, action: string, subject: string) => Promise<void>;
    clock: Clock;
  },
): void {
  implement(app, mitigationRoutes.submitCase, async ({ body, session }) => {
    const submitted = await deps.submitCase({ ...body, openedBy: session.userName });
    await deps.audit(session.userName, "case.submitted", submitted.id);
    return caseToWire(submitted);
  });

  implement(app, mitigationRoutes.listMitigatorCases, async ({ query }) => {
    const { rows, total } = await deps.cases.list(query);
    return { rows: rows.map(caseToWire), total, asOf: deps.clock.now().toISOString() };
  });
}

/** What the agents' listener needs to take in packages. */
export function packagePortOf(
  directory: string,
  receive: ReturnType<typeof createReceivePackage>,
  admit: () => Promise<void>,
): PackagePort {
  return {
    directory,
    admit,
    announced: (peer, meta, sizeBytes) => receive.announced(peer.endpoint, meta, sizeBytes),
    resumed: async () => {},
    finished: (peer, meta, file) => receive.finished(peer.endpoint, meta, file),
    failed: (peer, meta, code) => receive.failed(peer.endpoint, meta, code),
  };
}

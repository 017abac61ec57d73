import { type MitigatorCase, type MitigatorDeployment, mitigationRoutes } from "@tms/contracts/mitigator";
import { AppError, type Clock, type EndpointId, type RecordId, type ThreatId } from "@tms/records";
import { implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import { eventToWire } from "./event-wire.ts";
import type { createShowEvent } from "./show-event.ts";
import type { ThreatLogStore } from "./threat-event.ts";

export interface ThreatLogRouteDeps {
  log: ThreatLogStore;
  showEvent: ReturnType<typeof createShowEvent>;
  /** Ids of the endpoints whose host name contains the text. */
  endpointsByHost: (part: string) => Promise<EndpointId[]>;
  caseOfThreat: (threat: ThreatId) => Promise<MitigatorCase | null>;
  deploymentOfThreat: (threat: ThreatId) => Promise<MitigatorDeployment | null>;
  atPortalSince: (record: RecordId) => Promise<Date | null>;
  clock: Clock;
}

export function registerThreatLogRoutes(app: FastifyInstance, deps: ThreatLogRouteDeps): void {
  implement(app, mitigationRoutes.listEvents, async ({ query }) => {
    const found = await deps.log.list(
      {
        endpoints: await endpointsOf(query, deps),
        threat: query.threat,
        status: query.status,
        kind: query.kind,
        from: query.from === undefined ? undefined : new Date(query.from),
        to: query.to === undefined ? undefined : new Date(query.to),
      },
      query,
    );
    return { rows: found.rows.map(eventToWire), total: found.total, asOf: deps.clock.now().toISOString() };
  });

  implement(app, mitigationRoutes.getEvent, async ({ params }) => {
    const shown = await deps.showEvent(params.id);
    if (shown === null) throw new AppError("event.unknown", { id: params.id });
    const { threatId, chain } = shown.event;
    const id = chain ?? shown.story.find((event) => event.chain !== null)?.chain;
    return {
      event: eventToWire(shown.event),
      body: shown.body,
      chain: shown.chain === null || id === null || id === undefined ? null : { id, ...shown.chain },
      chainMissingReason: shown.chainMissingReason,
      story: shown.story.map(eventToWire),
      case: await deps.caseOfThreat(threatId),
      deployment: await deps.deploymentOfThreat(threatId),
      atPortalSince: (await deps.atPortalSince(params.id))?.toISOString() ?? null,
    };
  });
}

async function endpointsOf(
  query: { host?: string | undefined; endpoint?: EndpointId | undefined },
  deps: ThreatLogRouteDeps,
): Promise<EndpointId[] | null> {
  const byHost = query.host === undefined || query.host === "" ? null : await deps.endpointsByHost(query.host);
  if (query.endpoint === undefined) return byHost;
  return byHost === null || byHost.includes(query.endpoint) ? [query.endpoint] : [];
}

import type { ChainView, EventRow } from "@tms/contracts";
import { type IncidentDetail, type IncidentRow, incidentRoutes } from "@tms/contracts/portal";
import { AppError, type Clock, type CustomerScope, type IncidentId, type ProviderScope } from "@tms/records";
import { type Audit, implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import { type Incident, incidentShortId } from "./incident.ts";
import type { IncidentStore } from "./incident-store.ts";
import { type StoryEvent, tellIncident } from "./tell-incident.ts";

export interface IncidentViewDeps {
  provider: ProviderScope;
  incidents: IncidentStore;
  customerName(scope: CustomerScope): Promise<string>;
  /** Every event about these threats, oldest first: as rows for screens, and with their bodies for the sentences. */
  story(scope: CustomerScope, incident: Incident): Promise<{ rows: EventRow[]; events: StoryEvent[] }>;
  chain(scope: CustomerScope, id: Incident["chains"][number]): Promise<ChainView | null>;
  casesOf(scope: CustomerScope, incident: Incident): Promise<IncidentDetail["cases"]>;
  /** "Is this all the data?" for the products that told the story. */
  dataComplete(scope: CustomerScope, incident: Incident): Promise<IncidentDetail["dataComplete"]>;
  reportMadeAt(scope: CustomerScope, id: IncidentId): Promise<Date | null>;
  clock: Clock;
}

/** Everything about one incident; the page and the report are made from the same answer. */
export function createIncidentView(deps: IncidentViewDeps) {
  return async function incidentView(idOrShortId: string): Promise<{ scope: CustomerScope; detail: IncidentDetail }> {
    const incident = await deps.incidents.locate(deps.provider, idOrShortId);
    if (incident === null) throw new AppError("incident.unknown", { incident: idOrShortId });
    const scope: CustomerScope = { customer: incident.customer };
    const [row, story, chains, cases, dataComplete, madeAt] = await Promise.all([
      incidentRow(incident, await deps.customerName(scope)),
      deps.story(scope, incident),
      Promise.all(incident.chains.map((id) => deps.chain(scope, id))),
      deps.casesOf(scope, incident),
      deps.dataComplete(scope, incident),
      deps.reportMadeAt(scope, incident.id),
    ]);
    const present = chains.filter((chain) => chain !== null);
    const report = (format: string) => `/api/v1/incidents/${incident.id}/report.${format}`;
    const detail: IncidentDetail = {
      ...row,
      ...tellIncident(incident.host, story.events, present, openCaseOf(cases)),
      chains: present,
      story: story.rows,
      cases,
      dataComplete,
      report: { html: report("html"), pdf: report("pdf"), madeAt: madeAt?.toISOString() ?? null },
    };
    return { scope, detail };
  };
}

export function registerIncidentRoutes(
  app: FastifyInstance,
  deps: IncidentViewDeps & { incidentView: ReturnType<typeof createIncidentView>; audit: Audit },
): void {
  implement(app, incidentRoutes.listIncidents, async ({ query }) => {
    const all = await deps.incidents.list(deps.provider, { customer: query.customer });
    const counts: Record<string, number> = {};
    for (const one of all) counts[one.state] = (counts[one.state] ?? 0) + 1;
    const wanted = all.filter((one) => query.state === undefined || one.state === query.state);
    wanted.sort((one, other) => Number(needsSomebody(other)) - Number(needsSomebody(one)));
    const shown = wanted.slice((query.page - 1) * query.pageSize, query.page * query.pageSize);
    const rows = await Promise.all(
      shown.map(async (one) => incidentRow(one, await deps.customerName({ customer: one.customer }))),
    );
    return { rows, total: wanted.length, asOf: deps.clock.now().toISOString(), counts };
  });

  implement(app, incidentRoutes.getIncident, async ({ params }) => (await deps.incidentView(params.id)).detail);

  implement(app, incidentRoutes.changeIncident, async ({ params, body, session }) => {
    const known = await deps.incidents.locate(deps.provider, params.id);
    if (known === null) throw new AppError("incident.unknown", { incident: params.id });
    const scope: CustomerScope = { customer: known.customer };
    const changed = await deps.incidents.setState(scope, known.id, body.state);
    await deps.audit.write({
      actor: session.userName,
      action: "incident.changed",
      subject: incidentShortId(known.number),
      detail: { from: known.state, to: body.state },
      customer: known.customer,
    });
    return incidentRow(changed ?? known, await deps.customerName(scope));
  });
}

function openCaseOf(cases: IncidentDetail["cases"]): string | null {
  const ended = ["closed", "closed-as-clean", "withdrawn"];
  return cases.find(({ state }) => !ended.includes(state))?.shortId ?? null;
}

export function needsSomebody(incident: Pick<Incident, "state">): boolean {
  return incident.state === "new" || incident.state === "in-progress";
}

function incidentRow(incident: Incident, customerName: string): IncidentRow {
  return {
    id: incident.id,
    shortId: incidentShortId(incident.number),
    customer: { id: incident.customer, name: customerName },
    title: incident.title.slice(0, 500),
    state: incident.state,
    stateSince: incident.stateSince.toISOString(),
    severity: incident.severity,
    endpoints: [{ id: incident.endpoint, host: incident.host }],
    firstEventAt: incident.firstEventAt.toISOString(),
    lastEventAt: incident.lastEventAt.toISOString(),
    events: incident.events,
  };
}

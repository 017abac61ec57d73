import type { CustomerId, CustomerScope, ProductId } from "@tms/records";
import type { FastifyInstance } from "fastify";
import { caseShortId } from "#app/cases/index.ts";
import { type Core, PROVIDER } from "#app/core/index.ts";
import { eventRowView, eventShortId, readChain } from "#app/event-index/index.ts";
import { createIncidentView, type Incident, registerIncidentRoutes } from "#app/incidents/index.ts";
import { createMakeReport, registerReportRoute } from "#app/reports/index.ts";
import type { Figures } from "../figures.ts";

/** Incident pages and their reports, made from the same answer. */
export function registerIncidents(
  app: FastifyInstance,
  core: Core,
  parts: { names: { customer(id: CustomerId): Promise<string> }; figures: Figures; zone: string },
): void {
  const storyOf = (scope: CustomerScope, incident: Incident) => core.events.ofThreats(scope, incident.threats);
  const viewDeps = {
    provider: PROVIDER,
    incidents: core.incidents.store,
    customerName: (scope: CustomerScope) => parts.names.customer(scope.customer),
    story: async (scope: CustomerScope, incident: Incident) => {
      const events = await storyOf(scope, incident);
      return {
        rows: events.map(eventRowView),
        events: events.map((event) => ({
          shortId: eventShortId(event.shortNumber),
          kind: event.kind,
          status: event.status,
          occurredAt: event.occurredAt,
          body: event.body,
        })),
      };
    },
    chain: (scope: CustomerScope, id: Incident["chains"][number]) => readChain(core.events, scope, id),
    casesOf: async (scope: CustomerScope, incident: Incident) => {
      const cases = await core.cases.store.ofThreats(scope, incident.threats);
      return cases.map((one) => ({ id: one.id, shortId: caseShortId(one.number), state: one.state }));
    },
    dataComplete: async (scope: CustomerScope, incident: Incident) => {
      const [first] = await storyOf(scope, incident);
      const product: ProductId | null = first?.product ?? null;
      return parts.figures.dataComplete(scope, product);
    },
    reportMadeAt: core.reports.madeAt,
    clock: core.clock,
  };
  const incidentView = createIncidentView(viewDeps);
  registerIncidentRoutes(app, { ...viewDeps, incidentView, audit: core.audit });
  registerReportRoute(app, {
    makeReport: createMakeReport({
      incident: incidentView,
      isExpired: core.customers.validity.isExpired,
      reports: core.reports,
      putBlob: core.blobs.put,
      zone: parts.zone,
      clock: core.clock,
    }),
    audit: core.audit,
  });
}

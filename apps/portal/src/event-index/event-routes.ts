import type { ChainView, EventRow } from "@tms/contracts";
import { portalAccessRoutes } from "@tms/contracts/portal";
import {
  AppError,
  type ChainId,
  type Clock,
  type CustomerScope,
  DEPLOYMENT_STATE_TABLE,
  type RootCauseChain,
} from "@tms/records";
import { implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import type { EventStore } from "./event-store.ts";
import { chainOf, eventShortId, type StoredEvent } from "./stored-event.ts";

export interface EventRouteDeps {
  events: EventStore;
  /** The customer's row gives the scope; an unknown customer is refused. */
  scopeOf(customer: CustomerScope["customer"]): Promise<CustomerScope>;
  clock: Clock;
}

export function registerEventRoutes(app: FastifyInstance, deps: EventRouteDeps): void {
  implement(app, portalAccessRoutes.portalEvents, async ({ query }) => {
    const { page, pageSize, customer, ...filter } = query;
    const scope = await deps.scopeOf(customer);
    const found = await deps.events.list(scope, filter, { page, pageSize });
    return { rows: found.rows.map(eventRowView), total: found.total, asOf: deps.clock.now().toISOString() };
  });

  implement(app, portalAccessRoutes.portalEvent, async ({ params }) => {
    const scope = await deps.scopeOf(params.customer);
    const [event] = await deps.events.byIds(scope, [params.id]);
    if (event === undefined) throw new AppError("event.unknown", { id: params.id });
    const story = await deps.events.ofThreats(scope, [event.threatId]);
    const chain = await readChain(deps.events, scope, event.chain ?? story.find((one) => one.chain !== null)?.chain);
    return {
      event: eventRowView(event),
      body: event.body,
      chain,
      chainMissingReason: chain === null ? missingReason(event) : null,
      story: story.map(eventRowView),
    };
  });
}

/** A chain as screens and reports show it; null while none of its records is here. */
export async function readChain(
  events: Pick<EventStore, "chainBodies">,
  scope: CustomerScope,
  id: ChainId | null | undefined,
): Promise<ChainView | null> {
  if (id === null || id === undefined) return null;
  const bodies = await events.chainBodies(scope, id);
  return bodies.length === 0 ? null : chainView(id, chainOf(bodies));
}

function chainView(id: ChainId, chain: RootCauseChain): ChainView {
  return { id, ...chain };
}

export function eventRowView(event: StoredEvent): EventRow {
  return {
    id: event.id,
    shortId: eventShortId(event.shortNumber),
    occurredAt: event.occurredAt,
    receivedAt: event.receivedAt.toISOString(),
    clockOffsetMs: event.clockOffsetMs,
    kind: event.kind,
    status: event.status,
    severity: event.severity,
    threatId: event.threatId,
    threatName: event.threatName,
    ruleId: event.ruleId,
    endpoint: event.endpoint,
    host: event.host,
    chain: event.chain,
    detail: event.body.detail ?? stateText(event.body),
  };
}

/** A deployment's own state: "queued" alone does not say how far it came. */
function stateText(body: StoredEvent["body"]): string | null {
  return body.deployment === undefined ? null : DEPLOYMENT_STATE_TABLE[body.deployment.state].text;
}

function missingReason(event: StoredEvent): string {
  return event.chain === null
    ? "The endpoint named no chain for this event."
    : "The chain's records have not arrived yet. They come with the stream root-cause.";
}

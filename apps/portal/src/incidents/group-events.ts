import type { Clock, CustomerScope, IncidentId, LinkRecord, ThreatEventBody } from "@tms/records";
import { belongsTo, type Incident, type IncidentEvent, withEvent } from "./incident.ts";

export interface GroupingTransaction {
  /** Whether this record was grouped before. */
  isKnown(event: IncidentEvent): Promise<boolean>;
  /** Incidents of the event's endpoint, locked. */
  ofEndpoint(event: IncidentEvent): Promise<Incident[]>;
  nextNumber(): Promise<number>;
  save(incident: Incident): Promise<void>;
  link(event: IncidentEvent, incident: Incident): Promise<void>;
}

export interface GroupEventsDeps {
  incidents: {
    /** Serial per customer, so that two batches never open two incidents for one chain. */
    locked<T>(scope: CustomerScope, work: (tx: GroupingTransaction) => Promise<T>): Promise<T>;
  };
  newId: () => IncidentId;
  clock: Clock;
}

/** Groups the threat events of a batch, idempotent by record id. */
export function createGroupEvents(deps: GroupEventsDeps) {
  return async function groupEvents(scope: CustomerScope, records: readonly LinkRecord[]): Promise<void> {
    const events = records.map(eventOf);
    if (events.length === 0) return;
    await deps.incidents.locked(scope, async (tx) => {
      for (const event of events) {
        if (await tx.isKnown(event)) continue;
        const known = (await tx.ofEndpoint(event)).find((incident) => belongsTo(incident, event));
        const before =
          known ?? opened(scope, event, { id: deps.newId(), number: await tx.nextNumber(), now: deps.clock.now() });
        const after = withEvent(before, event, deps.clock.now());
        await tx.save(after);
        await tx.link(event, after);
      }
    });
  };
}

function opened(
  scope: CustomerScope,
  event: IncidentEvent,
  made: { id: IncidentId; number: number; now: Date },
): Incident {
  return {
    id: made.id,
    customer: scope.customer,
    number: made.number,
    endpoint: event.endpoint,
    host: event.host,
    title: `${event.threatName} on ${event.host}`,
    severity: event.severity,
    state: "new",
    stateSince: made.now,
    chains: [],
    threats: [],
    firstEventAt: event.occurredAt,
    lastEventAt: event.occurredAt,
    events: 0,
  };
}

function eventOf(record: LinkRecord): IncidentEvent {
  const body = record.body as ThreatEventBody;
  return {
    record: record.id,
    endpoint: record.endpoint,
    host: body.host,
    occurredAt: new Date(record.occurredAt),
    threatId: body.threatId,
    threatName: body.threat.name,
    chain: body.chain ?? null,
    severity: body.threat.severity,
    status: body.status,
  };
}

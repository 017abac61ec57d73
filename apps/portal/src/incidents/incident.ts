// Incidents: threat events of one product's endpoint and one chain that tell one story, grouped as they arrive.
// N1  An event joins the incident that knows its chain or its threat; else it opens one.
// N2  Grouping is idempotent by record id.
// N3  A threat or chain of an endpoint belongs to one incident: the first that knew it.

import {
  type ChainId,
  type CustomerId,
  type EndpointId,
  type IncidentId,
  type IncidentState,
  MITIGATION_STATUS_TABLE,
  type MitigationStatus,
  type ProductId,
  type RecordId,
  SEVERITIES,
  type Severity,
  type ThreatId,
} from "@tms/records";

export interface Incident {
  id: IncidentId;
  customer: CustomerId;
  /** The mitigator that tells of the endpoint; null for incidents from before this was kept. */
  product: ProductId | null;
  number: number;
  endpoint: EndpointId;
  host: string;
  title: string;
  severity: Severity;
  state: IncidentState;
  stateSince: Date;
  chains: ChainId[];
  threats: ThreatId[];
  firstEventAt: Date;
  lastEventAt: Date;
  events: number;
}

/** The part of a threat event that grouping looks at. */
export interface IncidentEvent {
  record: RecordId;
  product: ProductId;
  endpoint: EndpointId;
  host: string;
  occurredAt: Date;
  threatId: ThreatId;
  threatName: string;
  chain: ChainId | null;
  severity: Severity;
  status: MitigationStatus;
}

export function incidentShortId(number: number): string {
  return `I-${number}`;
}

/** What its events are recognised by: each threat and chain, on its own product's endpoint; threats before chains. */
export function keysOf(of: Pick<Incident, "product" | "endpoint" | "threats" | "chains">): string[] {
  return [...of.threats, ...of.chains].map((key) => `${of.product} ${of.endpoint} ${key}`);
}

/** What an incident is after one more event; state changes by people are kept unless the threat acts again. */
export function withEvent(incident: Incident, event: IncidentEvent, now: Date): Incident {
  const state = stateWith(incident.state, event);
  return {
    ...incident,
    host: event.host,
    severity: worse(incident.severity, event.severity),
    state,
    stateSince: state === incident.state ? incident.stateSince : now,
    chains:
      event.chain === null || incident.chains.includes(event.chain)
        ? incident.chains
        : [...incident.chains, event.chain],
    threats: incident.threats.includes(event.threatId) ? incident.threats : [...incident.threats, event.threatId],
    firstEventAt: event.occurredAt < incident.firstEventAt ? event.occurredAt : incident.firstEventAt,
    lastEventAt: event.occurredAt > incident.lastEventAt ? event.occurredAt : incident.lastEventAt,
  };
}

/** A cleanup that resolved everything resolves the incident; a new unresolved threat opens it again. */
function stateWith(state: IncidentState, event: IncidentEvent): IncidentState {
  if (state === "false-positive") return state;
  const row = MITIGATION_STATUS_TABLE[event.status];
  if (row.group === "resolved") return "resolved";
  if (state === "resolved" && (row.needsAction || event.status === "rollback-successful")) return "in-progress";
  return state;
}

export function worse(one: Severity, other: Severity): Severity {
  return SEVERITIES.indexOf(one) >= SEVERITIES.indexOf(other) ? one : other;
}

import type { Clock, CustomerScope, IncidentId, LinkRecord, ProductId, RecordId, ThreatEventBody } from "@tms/records";
import { type Incident, type IncidentEvent, keysOf, withEvent } from "./incident.ts";

export interface GroupingTransaction {
  /** Which of these records were grouped before. */
  grouped(records: readonly RecordId[]): Promise<Set<RecordId>>;
  /** Incidents that know a threat or chain of one of these events, on its endpoint. */
  knowing(events: readonly IncidentEvent[]): Promise<Incident[]>;
  /** @returns the first of `count` numbers that nobody else gets. */
  takeNumbers(count: number): Promise<number>;
  save(incidents: readonly Incident[]): Promise<void>;
  link(links: readonly { record: RecordId; incident: IncidentId }[]): Promise<void>;
}

export interface GroupEventsDeps {
  incidents: {
    /** Serial per customer, so that two batches never open two incidents for one chain. */
    locked<T>(scope: CustomerScope, work: (tx: GroupingTransaction) => Promise<T>): Promise<T>;
  };
  newId: () => IncidentId;
  clock: Clock;
}

/**
 * Groups the threat events of a batch, idempotent by record id.
 *
 * Reads and writes a fixed number of times, however many events there are: one statement an event made the indexing of
 * a full batch of 10,000 ten times as long as the store's own work.
 */
export function createGroupEvents(deps: GroupEventsDeps) {
  return async function groupEvents(
    scope: CustomerScope,
    product: ProductId,
    records: readonly LinkRecord[],
  ): Promise<void> {
    if (records.length === 0) return;
    await deps.incidents.locked(scope, async (tx) => {
      const grouped = await tx.grouped(records.map(({ id }) => id));
      const events = records.filter(({ id }) => !grouped.has(id)).map((record) => eventOf(record, product));
      if (events.length === 0) return;
      const plan = planGroups({ customer: scope.customer, known: await tx.knowing(events), events }, deps);
      const first = await tx.takeNumbers(plan.opened.length);
      const numbers = new Map(plan.opened.map((id, index) => [id, first + index]));
      await tx.save(plan.changed.map((one) => ({ ...one, number: numbers.get(one.id) ?? one.number })));
      await tx.link(plan.links);
    });
  };
}

interface Plan {
  /** As they are after the last event. */
  changed: Incident[];
  /** Those that had no number before, in the order in which they were opened. */
  opened: IncidentId[];
  links: { record: RecordId; incident: IncidentId }[];
}

/** Which incident each event joins, and what the incidents are afterwards. */
export function planGroups(
  batch: { customer: Incident["customer"]; known: readonly Incident[]; events: readonly IncidentEvent[] },
  deps: Pick<GroupEventsDeps, "newId" | "clock">,
): Plan {
  const now = deps.clock.now();
  const incidents = new Map(batch.known.map((incident) => [incident.id, incident]));
  const byKey = new Map(batch.known.flatMap((incident) => keysOf(incident).map((key) => [key, incident.id] as const)));
  const changed = new Set<IncidentId>();
  const plan: Plan = { changed: [], opened: [], links: [] };
  for (const event of batch.events) {
    const keys = keysOf({ ...event, threats: [event.threatId], chains: event.chain === null ? [] : [event.chain] });
    const known = keys.map((key) => byKey.get(key)).find((id) => id !== undefined);
    const id = known ?? deps.newId();
    if (known === undefined) plan.opened.push(id);
    const before = incidents.get(id) ?? opened(event, { id, customer: batch.customer, now });
    incidents.set(id, withEvent(before, event, now));
    for (const key of keys) if (!byKey.has(key)) byKey.set(key, id);
    changed.add(id);
    plan.links.push({ record: event.record, incident: id });
  }
  plan.changed = [...changed].flatMap((id) => incidents.get(id) ?? []);
  return plan;
}

function opened(event: IncidentEvent, made: Pick<Incident, "id" | "customer"> & { now: Date }): Incident {
  return {
    id: made.id,
    customer: made.customer,
    product: event.product,
    number: 0,
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

function eventOf(record: LinkRecord, product: ProductId): IncidentEvent {
  const body = record.body as ThreatEventBody;
  return {
    record: record.id,
    product,
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

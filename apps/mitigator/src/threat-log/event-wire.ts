import type { EventRow } from "@tms/contracts";
import type { LoggedEvent } from "./threat-event.ts";

/** A logged event as the console reads it. */
export function eventToWire(event: LoggedEvent): EventRow {
  return {
    id: event.id,
    shortId: `E-${event.number}`,
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
    detail: event.detail,
  };
}

import type {
  ChainId,
  CustomerId,
  EndpointId,
  MitigationStatus,
  ProductId,
  RecordId,
  RootCauseBody,
  Severity,
  Stream,
  ThreatEventBody,
  ThreatEventKind,
  ThreatEventRecord,
  ThreatId,
} from "@tms/records";
import type { NumberedRecord, StoredEvent } from "./stored-event.ts";

/** Columns of an event as `eventOf` reads them. */
export const EVENT_COLUMNS = `id, product, toString(short_number) as short_number, received_at, clock_offset_ms, kind,
  status, severity, threat, threat_name, rule_id, endpoint, host, chain, body`;

export interface EventRowOut {
  id: RecordId;
  product: ProductId;
  short_number: string;
  received_at: string;
  clock_offset_ms: number | null;
  kind: ThreatEventKind;
  status: MitigationStatus;
  severity: Severity;
  threat: ThreatId;
  threat_name: string;
  rule_id: string;
  endpoint: EndpointId;
  host: string;
  chain: ChainId | null;
  body: string;
}

export interface RowPlace {
  customer: CustomerId;
  product: ProductId;
  stream: Stream;
  batch: { id: string; epoch: string };
  /** In the store's form, made once for a whole batch. */
  receivedAt: string;
}

const COMMON_COLUMNS = [
  "customer",
  "product",
  "epoch",
  "number",
  "batch",
  "id",
  "endpoint",
  "kind",
  "occurred_at",
  "received_at",
  "body",
] as const;

/** Of each stream's table in the order of `valuesOf`; a threat event's short number, known last, follows them. */
export const INSERT_COLUMNS = {
  audit: COMMON_COLUMNS,
  "root-cause": [...COMMON_COLUMNS, "chain", "threat"],
  "threat-events": [
    ...COMMON_COLUMNS,
    "chain",
    "threat",
    "status",
    "severity",
    "host",
    "threat_name",
    "rule_id",
    "clock_offset_ms",
    "short_number",
  ],
} as const satisfies Record<Stream, readonly string[]>;

/** One row of the event store; `body` is the record's line exactly as it was sent. */
export function valuesOf(
  { number, line, record }: NumberedRecord,
  { customer, product, stream, batch, receivedAt }: RowPlace,
): (string | number | null)[] {
  const values = [
    customer,
    product,
    batch.epoch,
    number,
    batch.id,
    record.id,
    record.endpoint,
    record.kind,
    storeTime(record.occurredAt),
    receivedAt,
    line,
  ];
  switch (stream) {
    case "audit":
      return values;
    case "root-cause": {
      const { chain, threatId } = record.body as RootCauseBody;
      return [...values, chain, threatId];
    }
    case "threat-events": {
      const { chain, threatId, status, host, threat } = record.body as ThreatEventBody;
      const offset = record.relay?.clockOffsetMs ?? null;
      return [...values, chain ?? null, threatId, status, threat.severity, host, threat.name, threat.ruleId, offset];
    }
  }
}

export function eventOf(row: EventRowOut): StoredEvent {
  const record = JSON.parse(row.body) as ThreatEventRecord;
  return {
    id: row.id,
    product: row.product,
    shortNumber: Number(row.short_number),
    occurredAt: record.occurredAt,
    receivedAt: new Date(`${row.received_at.replace(" ", "T")}Z`),
    clockOffsetMs: row.clock_offset_ms,
    kind: row.kind,
    status: row.status,
    severity: row.severity,
    threatId: row.threat,
    threatName: row.threat_name,
    ruleId: row.rule_id,
    endpoint: row.endpoint,
    host: row.host,
    chain: row.chain,
    body: record.body,
  };
}

/** The store's range is 1900 to 2299; a sender's clock far outside must not break its batch, and the text is kept. */
const EARLIEST_MS = Date.UTC(1900, 0, 2);
const LATEST_MS = Date.UTC(2299, 11, 30);

/** As our own parties write it, within the store's range: nothing to compute. Checked dates only, as records have. */
const USUAL_TIME = /^((?:19[1-9]\d|2[01]\d\d)-\d\d-\d\d)T(\d\d:\d\d:[0-5]\d)(?:\.(\d{1,9}))?Z$/;

/** RFC 3339 text to the store's own form, to the microsecond. */
export function storeTime(text: string): string {
  const usual = USUAL_TIME.exec(text);
  if (usual !== null) return `${usual[1]} ${usual[2]}.${(usual[3] ?? "").padEnd(6, "0").slice(0, 6)}`;
  const parsedMs = Date.parse(text);
  const ms = Math.min(Math.max(Number.isNaN(parsedMs) ? 0 : parsedMs, EARLIEST_MS), LATEST_MS);
  const fraction = /\.(\d{1,9})/.exec(text)?.[1] ?? "";
  const seconds = new Date(ms).toISOString().slice(0, 19).replace("T", " ");
  return `${seconds}.${fraction.padEnd(6, "0").slice(0, 6)}`;
}

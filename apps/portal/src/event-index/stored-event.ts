import type {
  ChainEdge,
  ChainId,
  ChainNode,
  EndpointId,
  LinkRecord,
  MitigationStatus,
  ProductId,
  RecordId,
  RootCauseBody,
  RootCauseChain,
  Severity,
  ThreatEventBody,
  ThreatEventKind,
  ThreatId,
} from "@tms/records";

/** A threat event as the event store gives it back. */
export interface StoredEvent {
  id: RecordId;
  product: ProductId;
  shortNumber: number;
  /** The originator's own text, to the microsecond. */
  occurredAt: string;
  receivedAt: Date;
  clockOffsetMs: number | null;
  kind: ThreatEventKind;
  status: MitigationStatus;
  severity: Severity;
  threatId: ThreatId;
  threatName: string;
  ruleId: string;
  endpoint: EndpointId;
  host: string;
  chain: ChainId | null;
  body: ThreatEventBody;
}

export interface EventFilter {
  product?: ProductId | undefined;
  host?: string | undefined;
  endpoint?: EndpointId | undefined;
  threat?: ThreatId | undefined;
  status?: MitigationStatus | undefined;
  kind?: ThreatEventKind | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

export interface Page {
  page: number;
  pageSize: number;
}

/** A record with its place in the stream, ready for the event store. */
export interface NumberedRecord {
  number: number;
  line: string;
  record: LinkRecord;
}

/** `E-` and the number that the portal counted for this customer. */
export function eventShortId(number: number): string {
  return `E-${number}`;
}

/** Puts the records of one chain together: each node and each edge came as a record of its own, maybe more than once. */
export function chainOf(bodies: readonly RootCauseBody[]): RootCauseChain {
  const nodes = new Map<string, ChainNode>();
  const edges = new Map<string, ChainEdge>();
  for (const body of bodies) {
    if ("node" in body) nodes.set(body.node.id, body.node);
    else edges.set(`${body.edge.from} ${body.edge.kind} ${body.edge.to}`, body.edge);
  }
  const all = [...nodes.values()].sort(byTime);
  const first = all.find((node) => node.rootCauseReason !== undefined);
  const path = all
    .filter((node) => node.pathIndex !== undefined)
    .sort((one, other) => (one.pathIndex ?? 0) - (other.pathIndex ?? 0))
    .map((node) => node.id);
  // An edge whose node is not here yet would point at nothing.
  const known = [...edges.values()].filter((edge) => nodes.has(edge.from) && nodes.has(edge.to));
  return {
    nodes: all,
    edges: known,
    rootCause: first?.id ?? null,
    rootCauseReason: first?.rootCauseReason ?? "No first cause was found in what was observed.",
    path,
  };
}

function byTime(one: ChainNode, other: ChainNode): number {
  const difference = Date.parse(one.startedAt ?? "") - Date.parse(other.startedAt ?? "");
  return Number.isNaN(difference) || difference === 0 ? one.id.localeCompare(other.id) : difference;
}

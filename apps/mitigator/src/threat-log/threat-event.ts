import type {
  ChainEdge,
  ChainId,
  ChainNode,
  EndpointId,
  MitigationStatus,
  RecordId,
  RootCauseChain,
  RootCauseRecord,
  Severity,
  ThreatEventBody,
  ThreatEventKind,
  ThreatEventRecord,
  ThreatId,
} from "@tms/records";

/** An entry of the threat event log. */
export interface LoggedEvent {
  id: RecordId;
  /** The `E-` number of this mitigator. */
  number: number;
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
  detail: string | null;
}

/** Where a threat stands: its last event decides. */
export interface ThreatStanding {
  threat: ThreatId;
  endpoint: EndpointId;
  host: string;
  threatName: string;
  ruleId: string;
  severity: Severity;
  status: MitigationStatus;
  statusSince: Date;
  firstAt: Date;
  lastEvent: RecordId;
}

export interface EventFilter {
  endpoints: readonly EndpointId[] | null;
  threat?: ThreatId | undefined;
  status?: MitigationStatus | undefined;
  kind?: ThreatEventKind | undefined;
  from?: Date | undefined;
  to?: Date | undefined;
}

export interface Page {
  page: number;
  pageSize: number;
}

export interface ArrivedEvent {
  record: ThreatEventRecord;
  receivedAt: Date;
  clockOffsetMs: number | null;
}

export interface ArrivedChainRecord {
  record: RootCauseRecord;
  receivedAt: Date;
}

export interface ThreatLogStore {
  /** Idempotent by record id. */
  insertEvents(events: readonly ArrivedEvent[]): Promise<void>;
  insertChain(records: readonly ArrivedChainRecord[]): Promise<void>;
  list(filter: EventFilter, page: Page): Promise<{ rows: LoggedEvent[]; total: number }>;
  get(id: RecordId): Promise<{ event: LoggedEvent; body: ThreatEventBody } | null>;
  story(threat: ThreatId): Promise<LoggedEvent[]>;
  chainBodies(chain: ChainId): Promise<RootCauseRecord["body"][]>;
  standing(threat: ThreatId): Promise<ThreatStanding | null>;
  standings(statuses: readonly MitigationStatus[]): Promise<ThreatStanding[]>;
  latestThreatOf(endpoint: EndpointId, statuses: readonly MitigationStatus[]): Promise<ThreatStanding | null>;
  eventsOf(ids: readonly RecordId[]): Promise<LoggedEvent[]>;
}

/** Statuses that say: this threat is still there. */
export const UNRESOLVED: readonly MitigationStatus[] = [
  "manual-cleanup-needed",
  "unresolved-threats-remain",
  "cleanup-failed",
  "timeout",
  "cannot-connect",
  "pattern-corrupted",
  "forensic-upload-failed",
  "rollback-unsuccessful",
  "mitigation-exception",
  "waiting-for-restart",
];

export function isUnresolved(status: MitigationStatus): boolean {
  return UNRESOLVED.includes(status);
}

/**
 * Puts a chain together from its records, whatever their order and however often they came.
 *
 * @returns null while no node has arrived.
 */
export function assembleChain(bodies: readonly RootCauseRecord["body"][]): RootCauseChain | null {
  const nodes = new Map<string, ChainNode>();
  const edges = new Map<string, ChainEdge>();
  for (const body of bodies) {
    if ("node" in body) nodes.set(body.node.id, body.node);
    else edges.set(`${body.edge.from} ${body.edge.kind} ${body.edge.to}`, body.edge);
  }
  if (nodes.size === 0) return null;
  const all = [...nodes.values()];
  const first = all.find((node) => node.rootCauseReason !== undefined);
  const path = all
    .filter((node) => node.pathIndex !== undefined)
    .sort((one, other) => (one.pathIndex ?? 0) - (other.pathIndex ?? 0));
  return {
    nodes: all,
    edges: [...edges.values()].filter((edge) => nodes.has(edge.from) && nodes.has(edge.to)),
    rootCause: first?.id ?? null,
    rootCauseReason: first?.rootCauseReason ?? "",
    path: path.map((node) => node.id),
  };
}

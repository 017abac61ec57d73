import { createHash } from "node:crypto";
import type {
  ChainEdge,
  ChainNode,
  EndpointId,
  MitigationStatus,
  RecordId,
  RootCauseChain,
  RootCauseRecord,
  ThreatEventBody,
  ThreatEventKind,
  ThreatEventRecord,
} from "@tms/records";
import { newId } from "@tms/records";
import { pathText, shortText } from "@tms/root-cause";
import type { Threat } from "./agent-state.ts";

/** What every record of one endpoint carries. */
export interface RecordContext {
  endpoint: EndpointId;
  /** The endpoint's own name for itself. */
  host: string;
  now: Date;
}

export type EventDetails = Partial<
  Pick<ThreatEventBody, "parts" | "chain" | "case" | "pattern" | "forensicPackage" | "deployment" | "detail" | "source">
>;

/** One entry of the threat event log about a threat. */
export function threatEvent(
  context: RecordContext,
  threat: Threat,
  entry: { kind: ThreatEventKind; status: MitigationStatus; id?: RecordId } & EventDetails,
): ThreatEventRecord {
  const { kind, status, id, ...details } = entry;
  return {
    id: id ?? newId<RecordId>(),
    endpoint: context.endpoint,
    occurredAt: context.now.toISOString(),
    kind,
    body: {
      threatId: threat.threatId,
      threat: {
        name: threat.title,
        ruleId: threat.ruleId,
        severity: threat.severity,
        severityReason: threat.severityReason,
        ...(threat.techniques.length === 0 ? {} : { techniques: threat.techniques }),
      },
      status,
      source: "agent",
      host: context.host,
      // A pattern may act where nothing was found before: then there is no file and no chain to name.
      ...(threat.path.length === 0
        ? {}
        : {
            file: { path: shortText(pathText(threat.path)), sha256: threat.sha256, sizeBytes: threat.sizeBytes },
            chain: threat.chainId,
          }),
      pattern: { kind: threat.patternKind, id: threat.patternId, version: threat.patternVersion },
      ...(threat.caseId === null ? {} : { case: threat.caseId }),
      ...details,
    },
  };
}

/** A chain as records: one node or one edge each. Their ids derive from chain and node, so a repeat is the same record. */
export function chainRecords(context: RecordContext, threat: Threat, chain: RootCauseChain): RootCauseRecord[] {
  const occurredAt = context.now.toISOString();
  const { endpoint } = context;
  const common = { chain: threat.chainId, threatId: threat.threatId };
  const nodes = chain.nodes.map((node: ChainNode): RootCauseRecord => {
    const id = derivedId(threat.chainId, "node", node.id);
    return { id, endpoint, occurredAt, kind: "node", body: { ...common, node } };
  });
  const edges = chain.edges.map((edge: ChainEdge): RootCauseRecord => {
    const id = derivedId(threat.chainId, "edge", `${edge.from} ${edge.to} ${edge.kind}`);
    return { id, endpoint, occurredAt, kind: "edge", body: { ...common, edge } };
  });
  return [...nodes, ...edges];
}

/** A UUID of version 8 from a hash (RFC 9562, section 5.8). */
export function derivedId(...parts: string[]): RecordId {
  const bytes = createHash("sha256").update(parts.join("\n")).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-") as RecordId;
}

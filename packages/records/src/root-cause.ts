import type { ChainId, ThreatId } from "./ids.ts";
import type { LinkRecord } from "./threat-event.ts";

export const CHAIN_NODE_KINDS = ["process", "file", "network", "persistence", "gap", "not-observed"] as const;
export type ChainNodeKind = (typeof CHAIN_NODE_KINDS)[number];

export const CHAIN_EDGE_KINDS = ["started", "wrote", "read", "connected", "persisted", "executed"] as const;
export type ChainEdgeKind = (typeof CHAIN_EDGE_KINDS)[number];

/** How we know: seen as it happened, concluded from what was seen, or found standing. */
export const CHAIN_QUALITIES = ["observed", "inferred", "snapshot"] as const;
export type ChainQuality = (typeof CHAIN_QUALITIES)[number];

export interface ChainNode {
  /** Derived from identity (boot + pid + start time, path, …): the same in any order of the same events. */
  id: string;
  kind: ChainNodeKind;
  pid?: number | undefined;
  image?: string | undefined;
  commandLine?: string | undefined;
  path?: string | undefined;
  /** The very line of a persistence entry. */
  line?: string | undefined;
  remote?: string | undefined;
  sha256?: string | undefined;
  user?: string | undefined;
  startedAt?: string | undefined;
  endedAt?: string | undefined;
  quality: ChainQuality;
  /** Why a gap or a not-observed node stands here. */
  reason?: string | undefined;
  detected?: boolean | undefined;
  /** Set on the first cause alone: why it is taken for the first. */
  rootCauseReason?: string | undefined;
  /** Place on the path from the first cause (0) to the detected thing; absent beside the path. */
  pathIndex?: number | undefined;
}

export interface ChainEdge {
  from: string;
  to: string;
  kind: ChainEdgeKind;
  at?: string | undefined;
  quality: ChainQuality;
}

/** A chain as a whole; on the wire each node and each edge is one record. */
export interface RootCauseChain {
  nodes: ChainNode[];
  edges: ChainEdge[];
  /** Node id of the first cause; null if nothing was found to start from. */
  rootCause: string | null;
  rootCauseReason: string;
  path: string[];
}

export const ROOT_CAUSE_KINDS = ["node", "edge"] as const;
export type RootCauseKind = (typeof ROOT_CAUSE_KINDS)[number];

export type RootCauseBody =
  | { chain: ChainId; threatId: ThreatId; node: ChainNode }
  | { chain: ChainId; threatId: ThreatId; edge: ChainEdge };

export type RootCauseRecord = LinkRecord<RootCauseKind, RootCauseBody>;

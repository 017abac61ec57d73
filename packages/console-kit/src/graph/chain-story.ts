import type { ChainView } from "@tms/contracts";
import type { ChainEdge, ChainEdgeKind, ChainNode, ChainNodeKind } from "@tms/records";
import { lastPart, processDetail, processName } from "./process-name.ts";
import { startsAgain } from "./starts-again.ts";

// What a chain says, independent of how it is drawn: names, details, order, neighbours, the part that is shown first.

const EDGE_WORD: Record<ChainEdgeKind, string> = {
  started: "started",
  wrote: "wrote",
  read: "opened by",
  connected: "connected to",
  persisted: "wrote line",
  executed: "run by",
};

/** What a cause did to its effect; a file does nothing, it is run or opened. */
export function edgeWord(edge: Pick<ChainEdge, "kind">): string {
  return EDGE_WORD[edge.kind];
}

/** The same, said of what it was done to. */
export const BY_WORD: Record<ChainEdgeKind, string> = {
  started: "started by",
  wrote: "written by",
  read: "opened",
  connected: "reached by",
  persisted: "written by",
  executed: "ran",
};

/** Which of several edges between the same two things is told: seen before inferred, run before opened. */
const TELLING: ChainEdgeKind[] = ["executed", "wrote", "persisted", "connected", "started", "read"];

export function tellingEdges(edges: readonly ChainEdge[]): ChainEdge[] {
  const best = new Map<string, ChainEdge>();
  for (const edge of edges) {
    const key = `${edge.from} ${edge.to}`;
    const known = best.get(key);
    if (known === undefined || TELLING.indexOf(edge.kind) < TELLING.indexOf(known.kind)) best.set(key, edge);
  }
  return [...best.values()];
}

/** The edge that best says how a thing came: along the path where it lies on it. */
export function causeOf(node: ChainNode, chain: ChainView): ChainEdge | undefined {
  const into = tellingEdges(chain.edges.filter((edge) => edge.to === node.id));
  const before = chain.path[chain.path.indexOf(node.id) - 1];
  return into.find((edge) => edge.from === before) ?? into.find((edge) => edge.kind !== "read") ?? into[0];
}

/** More nodes than this and only the path and its neighbours are drawn. */
export const MAX_DRAWN_NODES = 60;

export type ChainViewMode = "path" | "all";

export function nameOf(node: ChainNode): string {
  switch (node.kind) {
    case "process":
      return processName(node);
    case "file":
      return lastPart(node.path ?? "file");
    case "network":
      return node.remote ?? "network";
    case "persistence":
      return entryName(node);
    case "gap":
      return node.reason ?? "not recorded";
    case "not-observed":
      return "Not observed";
  }
}

/** The telling detail of a node's second line. */
export function detailOf(node: ChainNode): string {
  switch (node.kind) {
    case "process":
      return processDetail(node);
    case "file":
      return folderOf(node.path ?? "");
    case "network":
      return node.startedAt === undefined ? "" : "connection out";
    case "persistence":
      return node.line ?? node.path ?? "";
    case "gap":
      return "";
    case "not-observed":
      return node.reason ?? "";
  }
}

/** The file's name stands above it. */
function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/"))) || path;
}

/** `Line in the crontab of ana` for `…/crontabs/ana`. */
function entryName(node: ChainNode): string {
  if (node.path === undefined) return node.line ?? "entry";
  const user = /\/crontabs\/([^/]+)$/.exec(node.path)?.[1];
  return user === undefined ? `Line in ${lastPart(node.path)}` : `Line in crontab of ${user}`;
}

export const NODE_ORDER: Record<ChainNodeKind, number> = {
  "not-observed": 0,
  process: 1,
  file: 2,
  gap: 3,
  persistence: 4,
  network: 5,
};

/** Nodes as a reader meets them: the path first, then what branches off, by time. */
export function readingOrder(chain: ChainView): ChainNode[] {
  const place = new Map(chain.path.map((id, index) => [id, index]));
  return [...chain.nodes].sort((left, right) => {
    const leftPlace = place.get(left.id) ?? Number.POSITIVE_INFINITY;
    const rightPlace = place.get(right.id) ?? Number.POSITIVE_INFINITY;
    if (leftPlace !== rightPlace) return leftPlace - rightPlace;
    return (left.startedAt ?? "").localeCompare(right.startedAt ?? "") || left.id.localeCompare(right.id);
  });
}

/** What a mode draws: the path, what hangs on it, and how many nodes stay folded away. */
export function shownPart(
  chain: ChainView,
  mode: ChainViewMode,
): { nodes: ChainNode[]; edges: ChainEdge[]; folded: number } {
  const onPath = new Set(chain.path);
  for (const node of chain.nodes) if (node.kind === "not-observed" || node.detected) onPath.add(node.id);
  const neighbours = new Set(onPath);
  const byId = new Map(chain.nodes.map((node) => [node.id, node]));
  const whole = mode === "all" && chain.nodes.length <= MAX_DRAWN_NODES;
  for (const edge of chain.edges) {
    const other = onPath.has(edge.from) ? edge.to : onPath.has(edge.to) ? edge.from : null;
    const node = other === null ? undefined : byId.get(other);
    if (node === undefined) continue;
    if (mode === "all" || node.kind === "network" || node.kind === "persistence") neighbours.add(node.id);
  }
  const nodes = whole ? chain.nodes : chain.nodes.filter((node) => neighbours.has(node.id));
  const shown = new Set(nodes.map((node) => node.id));
  return {
    nodes,
    edges: tellingEdges(chain.edges.filter((edge) => shown.has(edge.from) && shown.has(edge.to))),
    folded: chain.nodes.length - nodes.length,
  };
}

/** A node as one sentence, for whoever does not see the picture. */
export function sentenceOf(node: ChainNode, chain: ChainView, clock: (at: string) => string): string {
  const cause = causeOf(node, chain);
  const by = cause === undefined ? undefined : chain.nodes.find((other) => other.id === cause.from);
  const parts = [nameOf(node), KIND_WORD[node.kind]];
  if (cause !== undefined && by !== undefined) {
    const inferred = cause.quality === "inferred" ? ", inferred" : "";
    parts.push(
      `${BY_WORD[cause.kind]} ${nameOf(by)}${inferred}${cause.at === undefined ? "" : ` at ${clock(cause.at)}`}`,
    );
  } else if (node.startedAt !== undefined) {
    parts.push(`at ${clock(node.startedAt)}`);
  }
  const again = againText(node, chain);
  if (again !== null) parts.push(again);
  if (node.id === chain.rootCause) parts.push("first cause");
  if (node.detected) parts.push("detected here");
  return parts.join(", ");
}

/** `would start upd-helper again at every boot`, of an entry whose line names a part of the chain. */
export function againText(node: ChainNode, chain: ChainView): string | null {
  const back = startsAgain(chain).find((known) => known.from === node.id);
  const started = chain.nodes.find((known) => known.id === back?.to);
  if (back === undefined || started === undefined) return null;
  return `would start ${nameOf(started)} again${back.atBoot ? " at every boot" : ""}`;
}

export const KIND_WORD: Record<ChainNodeKind, string> = {
  process: "process",
  file: "file",
  network: "network connection",
  persistence: "entry that starts it again",
  gap: "gap in the record",
  "not-observed": "not observed",
};

export type ChainMove = "up" | "down" | "left" | "right" | "home" | "end";

/** Where a key leads: up and down along the chain, right into branches, left back; Home first cause, End detected. */
export function moveIn(chain: ChainView, shown: ReadonlySet<string>, from: string, move: ChainMove): string {
  const spine = chain.path.filter((id) => shown.has(id));
  const branches = (id: string) =>
    chain.edges
      .filter((edge) => edge.from === id && shown.has(edge.to) && !spine.includes(edge.to))
      .map((edge) => edge.to);
  const parent = chain.edges.find((edge) => edge.to === from && shown.has(edge.from))?.from;
  const place = spine.indexOf(from);
  switch (move) {
    case "home":
      return chain.rootCause !== null && shown.has(chain.rootCause) ? chain.rootCause : (spine[0] ?? from);
    case "end":
      return chain.nodes.find((node) => node.detected && shown.has(node.id))?.id ?? spine.at(-1) ?? from;
    case "right":
      return branches(from)[0] ?? from;
    case "left":
      return place >= 0 ? from : (parent ?? from);
    case "up":
    case "down":
      return place >= 0
        ? (spine[place + (move === "down" ? 1 : -1)] ?? (move === "up" ? (parent ?? from) : from))
        : sibling(branches(parent ?? ""), from, move);
  }
}

function sibling(all: string[], from: string, move: "up" | "down"): string {
  const place = all.indexOf(from);
  return all[place + (move === "down" ? 1 : -1)] ?? from;
}

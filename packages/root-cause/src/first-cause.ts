import { compareText, type Facts } from "./facts.ts";
import { processId } from "./node-ids.ts";
import type { Edge } from "./relations.ts";

/** The way from the first cause to the asked thing, in that order, and the edges between its stations. */
export interface CausePath {
  nodes: string[];
  edges: Edge[];
  /** The process that started the first cause, if one was seen; it did nothing else, so it is named and not shown. */
  starter: string | null;
}

/** More stations than any real chain has; bounds a crafted one. */
const MAX_PATH = 64;

/**
 * Climbs from the asked node to the earliest cause that was seen.
 *
 * A script's writer goes before the process that started its interpreter: both lead up, but only the file explains what
 * ran. A station already on the way is never taken again, so cycles are cut.
 */
export function climbToFirstCause(target: string, edges: readonly Edge[], facts: Facts): CausePath {
  const started = new Map([...facts.processes].map(([text, process]) => [processId(text), process.startedAt ?? "9"]));
  const into = Map.groupBy(edges, (edge) => edge.to);
  const visited = new Set([target]);
  const path = { nodes: [target], edges: [] as Edge[] };
  let at = target;
  while (path.nodes.length < MAX_PATH) {
    const [best] = (into.get(at) ?? [])
      .filter((edge) => !visited.has(edge.from) && rankOf(edge, into) < NO_CAUSE)
      .sort(
        (a, b) =>
          rankOf(a, into) - rankOf(b, into) ||
          compareText(a.at, b.at) ||
          compareText(started.get(a.from) ?? "9", started.get(b.from) ?? "9") ||
          compareText(a.from, b.from),
      );
    if (best === undefined) break;
    visited.add(best.from);
    path.nodes.unshift(best.from);
    path.edges.unshift(best);
    at = best.from;
  }
  return cutAtFirstDeed(path);
}

/**
 * The first cause is the earliest process that did more than start the next one. Where nothing but starts lead to the
 * asked process, it is the topmost ancestor.
 */
function cutAtFirstDeed(climbed: { nodes: string[]; edges: Edge[] }): CausePath {
  const firstDeed = climbed.edges.findIndex((edge) => edge.kind !== "started");
  const cut = Math.max(0, firstDeed);
  return {
    nodes: climbed.nodes.slice(cut),
    edges: climbed.edges.slice(cut),
    starter: climbed.nodes[cut - 1] ?? null,
  };
}

const NO_CAUSE = 9;

/** Lower is the better explanation; reading explains nothing. */
function rankOf(edge: Edge, into: Map<string, Edge[]>): number {
  switch (edge.kind) {
    case "wrote":
    case "persisted":
      return 0;
    case "executed":
      return (into.get(edge.from) ?? []).some((other) => other.kind === "wrote" && other.from !== edge.to)
        ? 0
        : NO_CAUSE;
    case "started":
      return 1;
    case "read":
    case "connected":
      return NO_CAUSE;
  }
}

import { compareText, type Facts } from "./facts.ts";
import { fileId, persistenceId, processId } from "./node-ids.ts";
import { type Edge, pathsInLine } from "./relations.ts";

/** A chain larger than this helps nobody; what is left out is said in a gap node. */
const MAX_NODES = 256;

export interface Spread {
  nodes: Set<string>;
  leftOut: number;
}

/**
 * Finds what else belongs to the chain: what its processes wrote, persisted, reached and started, and who holds its
 * files. An ancestor that touched nothing of the chain explains it, but its other doings do not belong to it.
 */
export function spreadFrom(path: readonly string[], edges: readonly Edge[], facts: Facts): Spread {
  const nodes = new Set(path);
  const actors = new Set(path.filter((id, index) => isActor(id, path[index + 1], edges)));
  const runsChainFile = (id: string): boolean =>
    edges.some((edge) => edge.kind === "executed" && edge.to === id && nodes.has(edge.from));
  let leftOut = 0;
  for (let grew = true; grew; ) {
    const found = new Set<string>();
    for (const edge of edges) {
      if (nodes.has(edge.to) || !nodes.has(edge.from)) continue;
      const isFileUse = edge.kind === "read" || edge.kind === "executed";
      const isDeed = actors.has(edge.from) && edge.kind !== "started";
      const isChild = edge.kind === "started" && actors.has(edge.from) && runsChainFile(edge.from);
      if (isFileUse || isDeed || isChild) found.add(edge.to);
    }
    for (const edge of edges) {
      if (!nodes.has(edge.from) && nodes.has(edge.to) && edge.kind === "wrote") found.add(edge.from);
    }
    for (const id of entriesNaming(nodes, facts)) if (!nodes.has(id)) found.add(id);
    const sorted = [...found].sort(compareText);
    const room = Math.max(0, MAX_NODES - nodes.size);
    leftOut = sorted.length > room ? sorted.length - room : 0;
    for (const id of sorted.slice(0, room)) nodes.add(id);
    for (const id of nodes) {
      const fromActor = edges.some((edge) => edge.to === id && edge.kind === "started" && actors.has(edge.from));
      if (runsChainFile(id) || (fromActor && runsChainFile(parentOf(id, edges)))) actors.add(id);
    }
    grew = sorted.length > 0 && room > 0;
  }
  return { nodes, leftOut };
}

function isActor(id: string, next: string | undefined, edges: readonly Edge[]): boolean {
  return edges.some((edge) => edge.from === id && (edge.to === next || next === undefined) && edge.kind !== "started");
}

function parentOf(id: string, edges: readonly Edge[]): string {
  return edges.find((edge) => edge.to === id && edge.kind === "started")?.from ?? "";
}

function entriesNaming(nodes: ReadonlySet<string>, facts: Facts): string[] {
  const paths = [...facts.files.keys()].filter((path) => nodes.has(fileId(path)));
  const images = [...facts.processes].flatMap(([text, process]) =>
    process.image !== null && nodes.has(processId(text)) && facts.files.has(process.image) ? [process.image] : [],
  );
  return facts.persistence
    .filter((entry) => pathsInLine(entry.line, [...paths, ...images]).length > 0)
    .map((entry) => persistenceId(entry.path, entry.line));
}

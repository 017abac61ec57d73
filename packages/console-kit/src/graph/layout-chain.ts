import dagre from "@dagrejs/dagre";

// Time runs downwards. The path from the first cause to the detected thing is one straight spine; what branches off
// stands to its right, on the row of its cause when it leads nowhere further (design, section 10).

export interface LayoutInput {
  nodes: { id: string; height: number; at: string | null }[];
  edges: { from: string; to: string }[];
  path: string[];
}

export interface Place {
  x: number;
  y: number;
}

export const NODE_WIDTH = 272;
export const SPINE_X = 98;
const BRANCH_GAP = 144;
export const ROW_GAP = 40;
const STACK_GAP = 14;

/** Places every node; pure, and run in a worker because dagre holds its thread for large chains. */
export function layoutChain(input: LayoutInput): Record<string, Place> {
  const spine = new Set(input.path);
  const leads = new Set(input.edges.map((edge) => edge.from));
  const cause = causeOf(input);
  // A leaf beside the path stands on its cause's row and needs no rank of its own.
  const leaves = input.nodes.filter((node) => !spine.has(node.id) && !leads.has(node.id) && cause.has(node.id));
  const leafIds = new Set(leaves.map((node) => node.id));
  const ranked = input.nodes.filter((node) => !leafIds.has(node.id));
  const order = ranksOf(ranked, input);
  const leavesOf = new Map<string, typeof leaves>();
  for (const leaf of leaves) {
    const parent = cause.get(leaf.id) ?? "";
    leavesOf.set(parent, [...(leavesOf.get(parent) ?? []), leaf]);
  }
  return placeRows(order, { spine, leavesOf });
}

type LayoutNode = LayoutInput["nodes"][number];

function causeOf(input: LayoutInput): Map<string, string> {
  const cause = new Map<string, string>();
  for (const edge of input.edges) if (!cause.has(edge.to)) cause.set(edge.to, edge.from);
  return cause;
}

/** Rows from top to bottom by dagre's ranks; within a rank the spine first, then by time. */
function ranksOf(ranked: LayoutNode[], input: LayoutInput): LayoutNode[][] {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "TB", nodesep: BRANCH_GAP, ranksep: ROW_GAP, acyclicer: "greedy" });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of ranked) graph.setNode(node.id, { width: NODE_WIDTH, height: node.height });
  for (const edge of input.edges) {
    if (!graph.hasNode(edge.from) || !graph.hasNode(edge.to) || edge.from === edge.to) continue;
    const onSpine = input.path.includes(edge.from) && input.path.includes(edge.to);
    graph.setEdge(edge.from, edge.to, { weight: onSpine ? 100 : 1 });
  }
  // The path is a line even where a step between two of its nodes has no edge.
  for (const [index, id] of input.path.entries()) {
    const next = input.path[index + 1];
    if (next !== undefined && graph.hasNode(id) && graph.hasNode(next)) graph.setEdge(id, next, { weight: 100 });
  }
  dagre.layout(graph);
  const rows = new Map<number, LayoutNode[]>();
  for (const node of ranked) {
    const y = Math.round(graph.node(node.id).y);
    rows.set(y, [...(rows.get(y) ?? []), node]);
  }
  const spine = new Set(input.path);
  return [...rows.entries()]
    .sort(([left], [right]) => left - right)
    .map(([, row]) =>
      row.sort(
        (left, right) =>
          Number(spine.has(right.id)) - Number(spine.has(left.id)) || (left.at ?? "").localeCompare(right.at ?? ""),
      ),
    );
}

function placeRows(
  rows: LayoutNode[][],
  parts: { spine: ReadonlySet<string>; leavesOf: Map<string, LayoutNode[]> },
): Record<string, Place> {
  const places: Record<string, Place> = {};
  let y = 0;
  for (const row of rows) {
    let column = row.some((node) => parts.spine.has(node.id)) ? 0 : 1;
    let height = 0;
    for (const node of row) {
      places[node.id] = { x: SPINE_X + column * (NODE_WIDTH + BRANCH_GAP), y };
      column += 1;
      height = Math.max(height, node.height);
    }
    for (const node of row) {
      let leafY = y;
      for (const leaf of parts.leavesOf.get(node.id) ?? []) {
        places[leaf.id] = { x: SPINE_X + column * (NODE_WIDTH + BRANCH_GAP), y: leafY };
        leafY += leaf.height + STACK_GAP;
        height = Math.max(height, leafY - STACK_GAP - y);
      }
      if (leafY > y) column += 1;
    }
    y += height + ROW_GAP;
  }
  return places;
}

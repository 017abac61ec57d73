import type { ChainView } from "@tms/contracts";
import type { ChainEdge } from "@tms/records";
import { type Edge, MarkerType, type Node } from "@xyflow/react";
import { edgeWord, type shownPart } from "./chain-story.ts";
import type { LayoutInput, Place } from "./layout-chain.ts";
import { heightOf, type NodeBoxData } from "./NodeBox.tsx";

type Shown = ReturnType<typeof shownPart>;

export function layoutInputOf(chain: ChainView, shown: Shown): LayoutInput {
  const ids = new Set(shown.nodes.map((node) => node.id));
  return {
    nodes: shown.nodes.map((node) => ({
      id: node.id,
      height: heightOf(node),
      at: node.startedAt ?? null,
    })),
    edges: shown.edges.map(({ from, to }) => ({ from, to })),
    path: spineOf(chain, ids),
  };
}

/** The path, with the not-observed node above it: the picture claims no origin that nobody saw. */
function spineOf(chain: ChainView, ids: ReadonlySet<string>): string[] {
  const first = chain.path[0];
  const above = chain.edges.find(
    (edge) => edge.to === first && chain.nodes.some((node) => node.id === edge.from && node.kind === "not-observed"),
  );
  const spine = above === undefined || chain.path.includes(above.from) ? chain.path : [above.from, ...chain.path];
  return spine.filter((id) => ids.has(id));
}

export function flowNodesOf(parts: {
  chain: ChainView;
  shown: Shown;
  places: Record<string, Place>;
  selected: string | null;
  gapText(node: ChainView["nodes"][number]): string;
}): Node<NodeBoxData>[] {
  const onPath = new Set(parts.chain.path);
  return parts.shown.nodes.flatMap((node) => {
    const place = parts.places[node.id];
    if (place === undefined) return [];
    return [
      {
        id: node.id,
        type: "box",
        position: place,
        draggable: false,
        selectable: true,
        focusable: false,
        data: {
          node,
          onPath: onPath.has(node.id),
          firstCause: node.id === parts.chain.rootCause,
          selected: node.id === parts.selected,
          gapText: node.kind === "gap" ? parts.gapText(node) : null,
        },
      },
    ];
  });
}

export function flowEdgesOf(
  chain: ChainView,
  edges: ChainEdge[],
  places: Record<string, Place>,
  inferred: string,
): Edge[] {
  const onPath = new Set(chain.path);
  const spine = spineOf(chain, new Set(Object.keys(places)));
  return edges.flatMap((edge, index) => {
    // An edge past a part of the path would lie on the path's own line and make what is inferred look seen.
    if (isPast(spine.indexOf(edge.from), spine.indexOf(edge.to))) return [];
    const from = places[edge.from];
    const to = places[edge.to];
    if (from === undefined || to === undefined) return [];
    const isPath = onPath.has(edge.from) && onPath.has(edge.to);
    const sideways = to.x !== from.x;
    const dashed =
      edge.quality === "inferred" || chain.nodes.some((node) => node.id === edge.from && node.kind === "not-observed");
    const colour = isPath ? "var(--tms-ink)" : "var(--tms-edge)";
    const word = edgeWord(edge);
    const unseen = chain.nodes.some((node) => node.id === edge.from && node.kind === "not-observed");
    return [
      {
        id: `${edge.from}>${edge.to}>${index}`,
        source: edge.from,
        target: edge.to,
        sourceHandle: sideways ? "right" : "bottom",
        targetHandle: sideways ? "left" : "top",
        type: "verb",
        focusable: false,
        selectable: false,
        data: {
          label: unseen ? "" : edge.quality === "inferred" ? `${word}, ${inferred}` : word,
          sideways,
          strong: isPath,
        },
        style: { stroke: colour, strokeWidth: isPath ? 3 : 1.5, ...(dashed ? { strokeDasharray: "5 4" } : {}) },
        markerEnd: { type: MarkerType.ArrowClosed, color: colour, width: isPath ? 11 : 15, height: isPath ? 11 : 15 },
      },
    ];
  });
}

function isPast(from: number, to: number): boolean {
  return from >= 0 && to >= 0 && Math.abs(to - from) > 1;
}

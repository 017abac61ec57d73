import type { ChainView } from "@tms/contracts";
import type { ChainNode } from "@tms/records";
import { type Edge, MarkerType } from "@xyflow/react";
import { NODE_WIDTH, type Place, ROW_GAP } from "./layout-chain.ts";
import { heightOf } from "./NodeBox.tsx";
import { startsAgain } from "./starts-again.ts";

export interface BackEdgeData extends Record<string, unknown> {
  label: string;
  /** The way of the line, as an SVG path. */
  path: string;
  labelAt: Place;
}

/** How far right of every box the line runs, and how far from the corner of the box it comes back to. */
const ASIDE = 14;
const CORNER = 14;

/** From an entry back to what it would start again: around the boxes on the right, then through the gap under a row. */
export function backEdgesOf(
  chain: ChainView,
  shown: readonly ChainNode[],
  places: Record<string, Place>,
  labelOf: (atBoot: boolean) => string,
): Edge[] {
  const boxes = shown.flatMap((node) => {
    const place = places[node.id];
    return place === undefined ? [] : [{ id: node.id, ...place, bottom: place.y + heightOf(node) }];
  });
  const boxOf = (id: string) => boxes.find((box) => box.id === id);
  const right = Math.max(0, ...boxes.map((box) => box.x + NODE_WIDTH)) + ASIDE;
  return startsAgain(chain).flatMap((again) => {
    const [from, to] = [boxOf(again.from), boxOf(again.to)];
    if (from === undefined || to === undefined) return [];
    const next = boxes.map((box) => box.y).filter((y) => y >= to.bottom);
    const sameRow = boxes.filter((box) => box.y < Math.min(...next, Number.POSITIVE_INFINITY)).map((box) => box.bottom);
    const under = next.length === 0 ? Math.max(...sameRow) + ROW_GAP / 2 : Math.min(...next) - ROW_GAP / 2;
    const middle = from.y + (from.bottom - from.y) / 2;
    const back = to.x + NODE_WIDTH - CORNER;
    return [
      {
        id: `${again.from}>again>${again.to}`,
        source: again.from,
        target: again.to,
        sourceHandle: "right",
        targetHandle: "top",
        type: "back",
        focusable: false,
        selectable: false,
        data: {
          label: labelOf(again.atBoot),
          path: `M${from.x + NODE_WIDTH} ${middle}H${right}V${under}H${back}V${to.bottom + 2}`,
          labelAt: { x: (back + right) / 2, y: under },
        } satisfies BackEdgeData,
        style: { stroke: "var(--tms-edge)", strokeWidth: 1.5, strokeDasharray: "5 4" },
        markerEnd: { type: MarkerType.ArrowClosed, color: "var(--tms-edge)", width: 15, height: 15 },
      },
    ];
  });
}

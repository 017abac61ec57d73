import type { ChainNode } from "@tms/records";
import { Handle, type NodeProps, Position } from "@xyflow/react";
import type { ReactNode } from "react";
import {
  IconAlertCircle,
  IconCpu,
  IconFile,
  IconFlag,
  IconQuestionMark,
  IconRefresh,
  IconWorld,
  type TmsIcon,
} from "../icons/icons.ts";
import { escapeForeignText } from "../text/escape-foreign.ts";
import { fitPath, middleTruncate } from "../text/middle-truncate.ts";
import { useKitWords } from "../words/kit-words.ts";
import { detailOf, nameOf } from "./chain-story.ts";
import { NODE_WIDTH } from "./layout-chain.ts";

export interface NodeBoxData extends Record<string, unknown> {
  node: ChainNode;
  onPath: boolean;
  firstCause: boolean;
  selected: boolean;
  /** Set on gaps: how long nothing was recorded. */
  gapText: string | null;
}

const ICONS: Record<ChainNode["kind"], TmsIcon> = {
  process: IconCpu,
  file: IconFile,
  network: IconWorld,
  persistence: IconRefresh,
  gap: IconQuestionMark,
  "not-observed": IconQuestionMark,
};

export const NODE_HEIGHT = 50;
const GAP_HEIGHT = 32;
/** What was not observed says why, in two lines. */
const UNSEEN_HEIGHT = 66;

export function heightOf(node: Pick<ChainNode, "kind">): number {
  if (node.kind === "gap") return GAP_HEIGHT;
  return node.kind === "not-observed" ? UNSEEN_HEIGHT : NODE_HEIGHT;
}

/** One thing of the chain, in the shape of its kind: name, then the telling detail. */
export function NodeBox(props: NodeProps): ReactNode {
  const data = props.data as NodeBoxData;
  const { node } = data;
  const words = useKitWords();
  const Icon = ICONS[node.kind];
  const isGap = node.kind === "gap";
  return (
    <div
      className="tms-node"
      data-kind={node.kind}
      data-path={data.onPath}
      data-detected={node.detected ?? false}
      data-selected={data.selected}
      style={{ width: NODE_WIDTH, height: heightOf(node) }}
    >
      <NodeOutline kind={node.kind} />
      <NodeHandles />
      {data.firstCause ? (
        <span className="tms-node-tag">
          <IconFlag size={12} stroke={2} /> {words("graph.firstCause")}
        </span>
      ) : null}
      {node.detected ? (
        <span className="tms-node-tag" data-tone="fail">
          <IconAlertCircle size={12} stroke={2} /> {words("graph.detectedHere")}
        </span>
      ) : null}
      {isGap ? <span className="tms-node-hatch" /> : <Icon size={16} stroke={1.75} />}
      <span className="tms-node-text">
        <bdi className="tms-node-name">
          {escapeForeignText(data.gapText ?? middleTruncate(nameOf(node), "command"))}
        </bdi>
        {isGap ? null : <bdi className="tms-node-detail tms-mono">{escapeForeignText(shortDetail(node))}</bdi>}
      </span>
    </div>
  );
}

/** What fits on a box's second line, in characters of its own width. */
const DETAIL_SHOWN = 31;
/** What fits between the round ends of an entry. */
const LINE_SHOWN = 27;
const LINE_HEAD = 15;

function shortDetail(node: ChainNode): string {
  const detail = detailOf(node);
  if (node.kind === "not-observed") return detail;
  const characters = [...detail];
  if (node.kind === "file") return fitPath(detail, DETAIL_SHOWN);
  if (node.kind !== "persistence" || characters.length <= LINE_SHOWN) return middleTruncate(detail, "path");
  return `${characters.slice(0, LINE_HEAD).join("")}…${characters.slice(LINE_HEAD - LINE_SHOWN + 1).join("")}`;
}

function NodeHandles(): ReactNode {
  return (
    <>
      <Handle type="target" position={Position.Top} id="top" isConnectable={false} />
      <Handle type="source" position={Position.Bottom} id="bottom" isConnectable={false} />
      <Handle type="source" position={Position.Right} id="right" isConnectable={false} />
      <Handle type="target" position={Position.Left} id="left" isConnectable={false} />
    </>
  );
}

/** Folded corner, hexagon and double-lined capsule; rectangles and dashes are borders. */
function NodeOutline(props: { kind: ChainNode["kind"] }): ReactNode {
  const w = NODE_WIDTH;
  const h = NODE_HEIGHT;
  const box = {
    width: w,
    height: h,
    viewBox: `0 0 ${w} ${h}`,
    "aria-hidden": true as const,
    className: "tms-node-shape",
  };
  switch (props.kind) {
    case "file":
      return (
        <svg {...box} aria-hidden="true">
          <path d={`M3 1H${w - 15}L${w - 1} 15V${h - 3}a2 2 0 0 1-2 2H3a2 2 0 0 1-2-2V3a2 2 0 0 1 2-2z`} />
          <path d={`M${w - 15} 1V15H${w - 1}`} />
        </svg>
      );
    case "network":
      return (
        <svg {...box} aria-hidden="true">
          <path d={`M14 1H${w - 14}L${w - 1} ${h / 2} ${w - 14} ${h - 1}H14L1 ${h / 2}z`} />
        </svg>
      );
    case "persistence":
      return (
        <svg {...box} aria-hidden="true">
          <rect x="1" y="1" width={w - 2} height={h - 2} rx={h / 2} />
          <rect x="4" y="4" width={w - 8} height={h - 8} rx={h / 2 - 4} />
        </svg>
      );
    default:
      return null;
  }
}

import { BaseEdge, EdgeLabelRenderer, type EdgeProps, getSmoothStepPath, getStraightPath } from "@xyflow/react";
import type { ReactNode } from "react";
import type { BackEdgeData } from "./back-edges.ts";

interface VerbEdgeData extends Record<string, unknown> {
  label: string;
  sideways: boolean;
  strong: boolean;
}

/** An edge with its verb: beside the line on the spine, on the line where it branches off. */
export function VerbEdge(props: EdgeProps): ReactNode {
  const data = props.data as VerbEdgeData;
  const [path, x, y] = data.sideways ? getSmoothStepPath(props) : getStraightPath(props);
  const shift = data.sideways ? "translate(-50%, -50%)" : "translate(10px, -50%)";
  return (
    <>
      <BaseEdge
        path={path}
        {...(props.style === undefined ? {} : { style: props.style })}
        {...(props.markerEnd === undefined ? {} : { markerEnd: props.markerEnd })}
      />
      {data.label === "" ? null : (
        <EdgeLabelRenderer>
          <span
            className="tms-edge-label"
            data-strong={data.strong || undefined}
            style={{ transform: `${shift} translate(${x}px, ${y - (data.sideways ? 0 : 4)}px)` }}
          >
            {data.label}
          </span>
        </EdgeLabelRenderer>
      )}
    </>
  );
}

/** An entry's edge back to what it would start again; its way is worked out beforehand. */
export function BackEdge(props: EdgeProps): ReactNode {
  const data = props.data as BackEdgeData;
  return (
    <>
      <BaseEdge
        path={data.path}
        {...(props.style === undefined ? {} : { style: props.style })}
        {...(props.markerEnd === undefined ? {} : { markerEnd: props.markerEnd })}
      />
      <EdgeLabelRenderer>
        <span
          className="tms-edge-label"
          style={{ transform: `translate(-50%, -50%) translate(${data.labelAt.x}px, ${data.labelAt.y}px)` }}
        >
          {data.label}
        </span>
      </EdgeLabelRenderer>
    </>
  );
}

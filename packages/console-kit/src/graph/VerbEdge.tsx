import { BaseEdge, EdgeLabelRenderer, type EdgeProps, getSmoothStepPath, getStraightPath } from "@xyflow/react";
import type { ReactNode } from "react";

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

import type { StateRow } from "@tms/records";
import type { ReactNode } from "react";
import { ToneShape } from "./ToneShape.tsx";

/** A state in a table or panel: shape, text in its tone, and a small line that says since when and why. */
export function StateInline(props: { state: StateRow; small?: ReactNode; size?: number }): ReactNode {
  const { tone, still, text } = props.state;
  return (
    <span className="tms-state">
      <ToneShape tone={tone} still={still} {...(props.size === undefined ? {} : { size: props.size })} />
      <span>
        <span className="tms-state-text" style={{ color: `var(--tms-${tone}-text)` }}>
          {text}
        </span>
        {props.small === undefined ? null : <span className="tms-cell-second">{props.small}</span>}
      </span>
    </span>
  );
}

/** A state beside a page title; at most two on a page. */
export function StateBlock(props: { state: StateRow; announce?: boolean }): ReactNode {
  const { tone, still, text } = props.state;
  return (
    <span
      className="tms-block"
      style={{ background: `var(--tms-${tone}-soft)`, color: `var(--tms-${tone}-text)` }}
      {...(props.announce ? { "aria-live": "polite" as const } : {})}
    >
      <ToneShape tone={tone} still={still} />
      {text}
    </span>
  );
}

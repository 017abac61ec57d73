import type { StillShape } from "@tms/records";
import type { ReactNode } from "react";
import { type ShapeKind, ToneShape } from "../state/ToneShape.tsx";

export interface StoryStep {
  key: string;
  tone: ShapeKind;
  still?: StillShape | undefined;
  /** null = not reached yet, drawn dotted. */
  time: ReactNode | null;
  what: ReactNode;
  who: ReactNode;
  /** Sub-steps indent inside their state. */
  inside?: ReactNode;
}

/** A story with an end: newest last, and the steps still to come dotted, so that people see what comes. */
export function StoryTimeline(props: { steps: StoryStep[] }): ReactNode {
  return (
    <ol className="tms-story">
      {props.steps.map((step) => (
        <li key={step.key} data-next={step.time === null ? "" : undefined}>
          <span className="tms-story-shape">
            <ToneShape tone={step.tone} still={step.still} />
          </span>
          <span className="tms-story-time tms-tabular">{step.time}</span>
          <span>
            <span className="tms-story-what">{step.what}</span>
            <span className="tms-cell-second">{step.who}</span>
            {step.inside === undefined ? null : <span className="tms-story-inside">{step.inside}</span>}
          </span>
        </li>
      ))}
    </ol>
  );
}

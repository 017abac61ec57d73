import type { ChainView, EventRow } from "@tms/contracts";
import type { StepOutcome, StepResult, Tone } from "@tms/records";
import { type ReactNode, useState } from "react";
import { Panel } from "../frame/Panel.tsx";
import { ChainGraph } from "../graph/ChainGraph.tsx";
import { NodePanel } from "../graph/NodePanel.tsx";
import { ToneShape } from "../state/ToneShape.tsx";
import { StoryTimeline } from "../story/StoryTimeline.tsx";
import { ForeignText } from "../text/ForeignText.tsx";
import { TimeAbsolute } from "../time/TimeText.tsx";
import { useKitWords } from "../words/kit-words.ts";
import { statusRow } from "./event-columns.tsx";

interface EventColumnsProps {
  chain: ChainView | null;
  chainMissingReason: string | null;
  /** The panel of the recommended action: it stands at the top right. */
  action: ReactNode;
  steps: StepResult[];
  story: EventRow[];
  hrefOf(event: EventRow): string;
}

/** What happened on the left, what to do and the chosen part on the right. */
export function EventColumns(props: EventColumnsProps): ReactNode {
  const words = useKitWords();
  const [selected, setSelected] = useState<string | null>(null);
  const { chain } = props;
  const chosen = selected ?? chain?.nodes.find((node) => node.detected)?.id ?? chain?.path.at(-1) ?? null;
  return (
    <div className="tms-columns">
      <div>
        {chain === null ? (
          <Panel title={words("graph.title")}>
            <div className="tms-row">
              <ToneShape tone="gap" />
              <span className="tms-gap-text">{props.chainMissingReason ?? words("event.chainMissing")}</span>
            </div>
          </Panel>
        ) : (
          <ChainGraph chain={chain} selected={chosen} onSelect={setSelected} onOpen={() => focusEvidence()} />
        )}
        {props.steps.length === 0 ? null : <StepsPanel steps={props.steps} />}
        <StoryPanel {...props} />
      </div>
      <div>
        {props.action}
        {chain === null || chosen === null ? null : <NodePanel chain={chain} id={chosen} />}
      </div>
    </div>
  );
}

function focusEvidence(): void {
  document.getElementById("evidence")?.focus();
}

const OUTCOME_TONE: Record<StepOutcome, Tone> = {
  done: "ok",
  "nothing-to-do": "still",
  failed: "fail",
  refused: "fail",
  undone: "still",
};

/** What a cleanup did, step by step. */
export function StepsPanel(props: { steps: StepResult[] }): ReactNode {
  const words = useKitWords();
  return (
    <Panel title={words("event.steps")} padded={false}>
      <ul className="tms-list">
        {props.steps.map((step, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: steps have an order and nothing else of their own.
          <li key={index}>
            <ToneShape tone={OUTCOME_TONE[step.outcome]} />
            <span>
              <strong>{words(`verb.${step.verb}`)}</strong> <ForeignText text={step.target} mono block />
              <span className="tms-cell-second">
                {words(`outcome.${step.outcome}`)}
                {step.code === undefined ? "" : ` ${step.code}`}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function StoryPanel(props: { story: EventRow[]; hrefOf(event: EventRow): string }): ReactNode {
  const words = useKitWords();
  return (
    <Panel title={words("event.story")} note={words("event.storyNote")}>
      <StoryTimeline
        steps={props.story.map((event) => {
          const state = statusRow(event);
          return {
            key: event.id,
            tone: state.tone,
            still: state.still,
            time: <TimeAbsolute at={event.occurredAt} />,
            what: (
              <a className="tms-link" href={props.hrefOf(event)}>
                {words(`event.kind.${event.kind}`)}
              </a>
            ),
            who: (
              <>
                {state.text}
                {event.detail === null ? null : (
                  <>
                    : <ForeignText text={event.detail} />
                  </>
                )}
              </>
            ),
          };
        })}
      />
    </Panel>
  );
}

import {
  ForeignText,
  fullDateText,
  Panel,
  type ShapeKind,
  StoryTimeline,
  TimeAbsolute,
  useClock,
} from "@tms/console-kit";
import type { CaseDetail } from "@tms/contracts/portal";
import { CASE_STATE_TABLE } from "@tms/records";
import type { ReactNode } from "react";
import { useWords } from "../words.ts";

type Entry = CaseDetail["timeline"][number];

/** Who did what when; what comes is dotted. */
export function CaseTimeline(props: { detail: CaseDetail }): ReactNode {
  const words = useWords();
  const { now, zone } = useClock();
  const { timeline } = props.detail;
  const lastPast = timeline.reduce((last, entry, index) => (entry.at === null ? last : index), -1);
  return (
    <Panel title={words("case.timeline")} right={<span className="tms-small">{fullDateText(now, zone)}</span>}>
      <StoryTimeline
        steps={timeline.map((entry, index) => ({
          key: `${index}/${entry.text}`,
          tone: toneOf(entry, index === lastPast),
          still: entry.state === null ? undefined : CASE_STATE_TABLE[entry.state].still,
          time: entry.at === null ? null : <TimeAbsolute at={entry.at} />,
          what: <ForeignText text={entry.text} />,
          who: <ForeignText text={whoOf(entry.who, props.detail.product)} />,
          ...(entry.detail === null ? {} : { inside: <ForeignText text={entry.detail} /> }),
        }))}
      />
    </Panel>
  );
}

/** A product speaks as `product` and its id; people know it by its name. */
export function whoOf(who: string, product: CaseDetail["product"]): string {
  return who === `product ${product.id}` ? product.name : who;
}

/** What is over is settled; the state the case is in has its own tone; failures stay failures. */
function toneOf(entry: Entry, isNow: boolean): ShapeKind {
  if (entry.at === null) return "next";
  const tone = entry.state === null ? "ok" : CASE_STATE_TABLE[entry.state].tone;
  return isNow || tone === "fail" ? tone : "ok";
}

import type { ChainView, EventRow } from "@tms/contracts";
import { type ChainNodeKind, MITIGATION_STATUS_TABLE, type ThreatEventBody } from "@tms/records";
import type { ReactNode } from "react";
import { type Fact, FactsStrip } from "../frame/FactsStrip.tsx";
import { SeverityBars } from "../state/SeverityBars.tsx";
import { ForeignText } from "../text/ForeignText.tsx";
import { shortPatternId } from "../text/short-pattern-id.ts";
import { durationText } from "../time/format-time.ts";
import { TimeAbsolute, TimeAgo } from "../time/TimeText.tsx";
import { useKitWords } from "../words/kit-words.ts";

interface EventFactsProps {
  event: EventRow;
  body: ThreatEventBody;
  story: EventRow[];
  chain: ChainView | null;
  /** Where the records are: at the portal since, or received by it. */
  last: Fact;
}

export function EventFacts(props: EventFactsProps): ReactNode {
  const words = useKitWords();
  const { event, body } = props;
  const assessed = props.story.find((told) => told.kind === "assessment");
  return (
    <FactsStrip
      facts={[
        {
          label: words("event.occurred"),
          value: <TimeAbsolute at={event.occurredAt} />,
          small: <ClockFact ms={event.clockOffsetMs} />,
        },
        {
          label: words("event.foundBy"),
          value: <ForeignText text={event.ruleId} />,
          small:
            body.pattern === undefined
              ? words(`event.source.${body.source}`)
              : `${shortPatternId(body.pattern.id)} v${body.pattern.version}`,
        },
        {
          label: words("event.severity"),
          value: <SeverityBars severity={event.severity} />,
          small: <ForeignText text={body.threat.severityReason} />,
        },
        {
          label: words("event.assessment"),
          value: <PartsText body={body} chain={props.chain} />,
          small:
            assessed === undefined
              ? words("event.notAssessed")
              : words.rich("event.assessedAt", { time: <TimeAbsolute at={assessed.occurredAt} /> }),
        },
        { label: words("event.cleanup"), ...useCleanupFact(body, props.story) },
        props.last,
      ]}
    />
  );
}

function ClockFact(props: { ms: number | null }): ReactNode {
  const words = useKitWords();
  if (props.ms === null) return words("event.clockUnknown");
  const size = Math.abs(props.ms);
  if (size < 1000) return words("event.clockSame");
  return words(props.ms < 0 ? "event.clockBehind" : "event.clockAhead", { difference: durationText(size) });
}

function PartsText(props: { body: ThreatEventBody; chain: ChainView | null }): ReactNode {
  const words = useKitWords();
  const parts = props.body.parts ?? partsOf(props.chain);
  if (parts === undefined) return words("event.partsUnknown");
  const counted = [
    words("event.processes", { count: parts.processes }),
    words("event.files", { count: parts.files }),
    words("event.entries", { count: parts.persistence }),
  ];
  return counted.join(", ");
}

/** What the chain shows, where the event itself counts nothing. */
function partsOf(chain: ChainView | null): ThreatEventBody["parts"] {
  if (chain === null) return undefined;
  const count = (kind: ChainNodeKind) => chain.nodes.filter((node) => node.kind === kind).length;
  return { processes: count("process"), files: count("file"), persistence: count("persistence") };
}

function useCleanupFact(body: ThreatEventBody, story: EventRow[]): { value: ReactNode; small: ReactNode } {
  const words = useKitWords();
  const steps = body.deployment?.steps ?? [];
  const last = story.findLast(({ kind }) => kind === "cleanup" || kind === "rollback");
  if (steps.length === 0 && last !== undefined) {
    const small = words.rich("event.cleanupIn", { id: last.shortId, time: <TimeAbsolute at={last.occurredAt} /> });
    return { value: MITIGATION_STATUS_TABLE[last.status].text, small };
  }
  if (steps.length === 0) return { value: words("event.noCleanup"), small: words("event.noCleanupWhy") };
  const done = steps.filter((step) => step.outcome === "done" || step.outcome === "nothing-to-do").length;
  const undo = body.deployment?.undo ?? "none";
  return { value: words("event.stepsDone", { done, total: steps.length }), small: words(`event.undo.${undo}`) };
}

export function ReceivedFact(at: string, label: string): Fact {
  return { label, value: <TimeAbsolute at={at} />, small: <TimeAgo at={at} /> };
}

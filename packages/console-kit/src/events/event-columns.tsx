import type { EventRow } from "@tms/contracts";
import { MITIGATION_STATUS_TABLE, type StateRow } from "@tms/records";
import type { ReactNode } from "react";
import { SeverityBars } from "../state/SeverityBars.tsx";
import { StateInline } from "../state/StateBadge.tsx";
import type { DataColumn } from "../table/DataTable.tsx";
import { NameCell } from "../table/NameCell.tsx";
import { ForeignText } from "../text/ForeignText.tsx";
import { TimeCell } from "../time/TimeText.tsx";
import { useKitWords } from "../words/kit-words.ts";
import { ClockDifference } from "./ClockDifference.tsx";

export function statusRow(event: Pick<EventRow, "status">): StateRow {
  const row = MITIGATION_STATUS_TABLE[event.status];
  return row.still === undefined
    ? { text: row.text, tone: row.tone }
    : { text: row.text, tone: row.tone, still: row.still };
}

/** The columns of the threat event log, alike in both consoles. */
export function useEventColumns(hrefOf: (event: EventRow) => string): DataColumn<EventRow>[] {
  const words = useKitWords();
  return [
    {
      id: "threat",
      header: words("event.threat"),
      cell: (event) => (
        <NameCell href={hrefOf(event)} name={<ForeignText text={event.threatName} />} technical={event.shortId} />
      ),
    },
    { id: "status", header: words("event.status"), narrow: true, cell: (event) => <EventStatus event={event} /> },
    {
      id: "at",
      header: words("event.occurred"),
      narrow: true,
      cell: (event) => (
        <>
          <TimeCell at={event.occurredAt} />
          <ClockDifference ms={event.clockOffsetMs} />
        </>
      ),
    },
    { id: "host", header: words("event.endpoint"), cell: (event) => <ForeignText text={event.host} /> },
    { id: "kind", header: words("event.kind"), cell: (event) => words(`event.kind.${event.kind}`) },
    { id: "severity", header: words("event.severity"), cell: (event) => <SeverityBars severity={event.severity} /> },
    { id: "rule", header: words("event.rule"), cell: (event) => <ForeignText text={event.ruleId} mono /> },
  ];
}

function EventStatus(props: { event: EventRow }): ReactNode {
  const { event } = props;
  return (
    <StateInline
      state={statusRow(event)}
      {...(event.detail === null ? {} : { small: <ForeignText text={event.detail} /> })}
    />
  );
}

import { type DataColumn, ForeignText, NameCell, StateInline, statusRow, TimeCell, TwoLines } from "@tms/console-kit";
import type { Home } from "@tms/contracts/mitigator";
import { CASE_STATE_TABLE } from "@tms/records";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";

export type Task = Home["tasks"][number];

export function useTaskColumns(): DataColumn<Task>[] {
  const words = useWords();
  return [
    {
      id: "endpoint",
      header: words("endpoint"),
      cell: ({ event }) => (
        <NameCell href={paths.event(event.id)} name={<ForeignText text={event.host} />} technical={event.shortId} />
      ),
    },
    {
      id: "threat",
      header: words("home.threat"),
      narrow: true,
      cell: ({ event }) => (
        <TwoLines first={<ForeignText text={event.threatName} />} second={<ForeignText text={event.ruleId} />} />
      ),
    },
    {
      id: "state",
      header: words("state"),
      narrow: true,
      cell: ({ event }) => (
        <StateInline
          state={statusRow(event)}
          {...(event.detail === null ? {} : { small: <ForeignText text={event.detail} /> })}
        />
      ),
    },
    { id: "since", header: words("home.since"), cell: ({ event }) => <TimeCell at={event.occurredAt} /> },
    {
      id: "case",
      header: words("case"),
      cell: (row) =>
        row.case === null ? (
          <span className="tms-small">{words("home.noCase")}</span>
        ) : (
          <StateInline state={CASE_STATE_TABLE[row.case.state]} small={row.case.shortId ?? words("case.noNumber")} />
        ),
    },
  ];
}

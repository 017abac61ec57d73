import {
  bytesText,
  type DataColumn,
  ForeignText,
  ListPanel,
  Page,
  StateInline,
  shortPatternId,
  TimeBoth,
  TimeCell,
  TwoLines,
  useUrlFilters,
} from "@tms/console-kit";
import type { MitigatorCase } from "@tms/contracts/mitigator";
import { CASE_STATE_TABLE } from "@tms/records";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";

const PAGE_SIZE = 25;

/** Cases of this mitigator, and whose turn each is. */
export function CasesScreen(): ReactNode {
  const words = useWords();
  const filters = useUrlFilters();
  const list = api.useRead("listMitigatorCases", { query: { page: filters.page, pageSize: PAGE_SIZE } });
  return (
    <Page
      crumbs={[{ label: words("menu.cases") }]}
      title={words("menu.cases")}
      plainTitle={words("menu.cases")}
      subtitle={list.data === undefined ? undefined : words("cases.sum", { count: list.data.total })}
    >
      <ListPanel
        label={words("menu.cases")}
        columns={useColumns()}
        rowKey={(row) => row.id}
        edge={(row) => (row.turn === "you" ? CASE_STATE_TABLE[row.state].tone : null)}
        dividerText={words("cases.divider")}
        list={list}
        filters={filters}
        pageSize={PAGE_SIZE}
        none={words("cases.none")}
      />
    </Page>
  );
}

function useColumns(): DataColumn<MitigatorCase>[] {
  const words = useWords();
  return [
    {
      id: "case",
      header: words("case"),
      cell: (row) => (
        <TwoLines
          first={<strong>{row.shortId ?? words("case.noNumber")}</strong>}
          second={<ForeignText text={row.host} />}
        />
      ),
    },
    {
      id: "state",
      header: words("state"),
      narrow: true,
      cell: (row) => (
        <StateInline
          state={CASE_STATE_TABLE[row.state]}
          small={words.rich("since", { time: <TimeBoth at={row.stateSince} /> })}
        />
      ),
    },
    { id: "turn", header: words("turn"), narrow: true, cell: (row) => words(`turn.${row.turn}`) },
    { id: "opened", header: words("case.opened"), cell: (row) => <TimeCell at={row.openedAt} /> },
    {
      id: "by",
      header: words("case.by"),
      cell: (row) => (
        <TwoLines
          first={row.openedBy}
          second={row.note === "" ? words("case.noNote") : <ForeignText text={row.note} />}
        />
      ),
    },
    {
      id: "package",
      header: words("case.package"),
      cell: (row) =>
        row.package === null ? (
          <span className="tms-small">{words("case.noPackage")}</span>
        ) : (
          <TwoLines
            first={words("case.sent", {
              sent: bytesText(row.package.sentBytes),
              size: bytesText(row.package.sizeBytes),
            })}
            second={<ForeignText text={row.package.sha256} mono truncate="hash" />}
          />
        ),
    },
    {
      id: "pattern",
      header: words("case.pattern"),
      cell: (row) =>
        row.pattern === null ? (
          <span className="tms-small">{words("case.noPattern")}</span>
        ) : (
          `${shortPatternId(row.pattern.id)} v${row.pattern.version}`
        ),
    },
  ];
}

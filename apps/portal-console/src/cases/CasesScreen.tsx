import {
  chipsOf,
  type DataColumn,
  ForeignText,
  ListPanel,
  NameCell,
  Page,
  StateChips,
  StateInline,
  TimeBoth,
  TimeCell,
  TwoLines,
  useUrlFilters,
} from "@tms/console-kit";
import type { CaseRow } from "@tms/contracts/portal";
import { CASE_STATE_TABLE, CASE_STATES, type CaseState } from "@tms/records";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";

const PAGE_SIZE = 25;

export function CasesScreen(): ReactNode {
  const words = useWords();
  const filters = useUrlFilters();
  const state = CASE_STATES.find((known) => known === filters.get("state"));
  const list = api.useRead("listCases", {
    query: {
      page: filters.page,
      pageSize: PAGE_SIZE,
      customer: (filters.get("customer") || undefined) as never,
      state,
    },
  });
  const total = Object.values(list.data?.counts ?? {}).reduce((sum, count) => sum + count, 0);
  return (
    <Page
      crumbs={[{ label: words("menu.cases") }]}
      title={words("menu.cases")}
      plainTitle={words("menu.cases")}
      subtitle={list.data === undefined ? undefined : words("cases.sum", { count: total })}
    >
      <StateChips
        label={words("cases.states")}
        chips={chipsOf<CaseState>(CASE_STATE_TABLE, list.data?.counts ?? {}, { label: words("all"), count: total })}
        chosen={filters.get("state")}
        onChoose={(value) => filters.set({ state: value })}
      />
      <ListPanel
        label={words("menu.cases")}
        columns={useColumns()}
        rowKey={(row) => row.id}
        edge={(row) => (row.turn === "you" || row.turn === "other-person" ? CASE_STATE_TABLE[row.state].tone : null)}
        dividerText={words("cases.divider")}
        list={list}
        filters={filters}
        pageSize={PAGE_SIZE}
        none={words("cases.none")}
        noMatch={words("cases.noMatch")}
      />
    </Page>
  );
}

function useColumns(): DataColumn<CaseRow>[] {
  const words = useWords();
  return [
    {
      id: "case",
      header: words("case"),
      cell: (row) => (
        <NameCell href={paths.case(row.id)} name={row.shortId} technical={<ForeignText text={row.host} />} />
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
    { id: "threat", header: words("threat"), cell: (row) => <ForeignText text={row.threatName} /> },
    {
      id: "customer",
      header: words("customer"),
      cell: (row) => <TwoLines first={row.customer.name} second={<ForeignText text={row.product.name} />} />,
    },
    { id: "opened", header: words("cases.opened"), cell: (row) => <TimeCell at={row.openedAt} /> },
    { id: "by", header: words("cases.by"), cell: (row) => <ForeignText text={row.openedBy} /> },
  ];
}

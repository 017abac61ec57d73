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
  useUrlFilters,
} from "@tms/console-kit";
import type { PatternRow } from "@tms/contracts/portal";
import { PATTERN_STATE_TABLE, PATTERN_STATES, type PatternState } from "@tms/records";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";

const PAGE_SIZE = 25;

export function PatternsScreen(): ReactNode {
  const words = useWords();
  const filters = useUrlFilters();
  const state = PATTERN_STATES.find((known) => known === filters.get("state"));
  const list = api.useRead("listPatterns", {
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
      crumbs={[{ label: words("menu.patterns") }]}
      title={words("menu.patterns")}
      plainTitle={words("menu.patterns")}
      subtitle={list.data === undefined ? undefined : words("patterns.sum", { count: total })}
    >
      <StateChips
        label={words("patterns.states")}
        chips={chipsOf<PatternState>(PATTERN_STATE_TABLE, list.data?.counts ?? {}, {
          label: words("all"),
          count: total,
        })}
        chosen={filters.get("state")}
        onChoose={(value) => filters.set({ state: value })}
      />
      <ListPanel
        label={words("menu.patterns")}
        columns={useColumns()}
        rowKey={(row) => `${row.customer.id}/${row.id}/${row.version}`}
        edge={(row) =>
          PATTERN_STATE_TABLE[row.state].tone === "wait" || row.state === "check-failed"
            ? PATTERN_STATE_TABLE[row.state].tone
            : null
        }
        dividerText={words("patterns.divider")}
        list={list}
        filters={filters}
        pageSize={PAGE_SIZE}
        none={words("patterns.none")}
        noMatch={words("patterns.noMatch")}
      />
    </Page>
  );
}

function useColumns(): DataColumn<PatternRow>[] {
  const words = useWords();
  return [
    {
      id: "pattern",
      header: words("pattern"),
      cell: (row) => (
        <NameCell
          href={paths.pattern(row.id, row.version)}
          name={<ForeignText text={row.title} />}
          technical={`${row.id} v${row.version}`}
        />
      ),
    },
    {
      id: "state",
      header: words("state"),
      narrow: true,
      cell: (row) => (
        <StateInline
          state={PATTERN_STATE_TABLE[row.state]}
          small={words.rich("since", { time: <TimeBoth at={row.stateSince} /> })}
        />
      ),
    },
    {
      id: "signatures",
      header: words("patterns.signatures"),
      narrow: true,
      cell: (row) => words("pattern.signatures", { given: row.signaturesGiven, needed: row.signaturesNeeded }),
    },
    { id: "kind", header: words("patterns.kind"), cell: (row) => words(`role.${row.role}`) },
    {
      id: "case",
      header: words("case"),
      cell: (row) =>
        row.case === null ? (
          <span className="tms-small">{words("patterns.noCase")}</span>
        ) : (
          <a className="tms-link" href={paths.case(row.case.id)}>
            {row.case.shortId}
          </a>
        ),
    },
    { id: "customer", header: words("customer"), cell: (row) => row.customer.name },
    { id: "endpoints", header: words("patterns.endpoints"), numeric: true, cell: (row) => row.endpoints },
    {
      id: "digest",
      header: words("patterns.digest"),
      cell: (row) => <ForeignText text={row.digest} mono truncate="hash" />,
    },
  ];
}

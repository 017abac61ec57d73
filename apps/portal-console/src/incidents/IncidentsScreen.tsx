import {
  chipsOf,
  type DataColumn,
  ForeignText,
  ListPanel,
  NameCell,
  Page,
  SeverityBars,
  StateChips,
  StateInline,
  TimeBoth,
  TimeCell,
  TwoLines,
  useUrlFilters,
} from "@tms/console-kit";
import type { IncidentRow } from "@tms/contracts/portal";
import { INCIDENT_STATE_TABLE, INCIDENT_STATES, type IncidentState } from "@tms/records";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";

const PAGE_SIZE = 25;
/** More names than this say less than their number. */
const HOSTS_SHOWN = 2;

export function IncidentsScreen(): ReactNode {
  const words = useWords();
  const filters = useUrlFilters();
  const state = INCIDENT_STATES.find((known) => known === filters.get("state"));
  const list = api.useRead("listIncidents", {
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
      crumbs={[{ label: words("menu.incidents") }]}
      title={words("menu.incidents")}
      plainTitle={words("menu.incidents")}
      subtitle={list.data === undefined ? undefined : words("incidents.sum", { count: total })}
    >
      <StateChips
        label={words("incidents.states")}
        chips={chipsOf<IncidentState>(INCIDENT_STATE_TABLE, list.data?.counts ?? {}, {
          label: words("all"),
          count: total,
        })}
        chosen={filters.get("state")}
        onChoose={(value) => filters.set({ state: value })}
      />
      <ListPanel
        label={words("menu.incidents")}
        columns={useColumns()}
        rowKey={(row) => row.id}
        edge={(row) => (row.state === "new" ? INCIDENT_STATE_TABLE[row.state].tone : null)}
        dividerText={words("incidents.divider")}
        list={list}
        filters={filters}
        pageSize={PAGE_SIZE}
        none={words("incidents.none")}
        noMatch={words("incidents.noMatch")}
      />
    </Page>
  );
}

function useColumns(): DataColumn<IncidentRow>[] {
  const words = useWords();
  return [
    {
      id: "title",
      header: words("incident"),
      cell: (row) => (
        <NameCell href={paths.incident(row.id)} name={<ForeignText text={row.title} />} technical={row.shortId} />
      ),
    },
    {
      id: "state",
      header: words("state"),
      narrow: true,
      cell: (row) => (
        <StateInline
          state={INCIDENT_STATE_TABLE[row.state]}
          small={words.rich("since", { time: <TimeBoth at={row.stateSince} /> })}
        />
      ),
    },
    { id: "severity", header: words("severity"), cell: (row) => <SeverityBars severity={row.severity} /> },
    { id: "customer", header: words("customer"), cell: (row) => row.customer.name },
    {
      id: "endpoints",
      header: words("incidents.endpoints"),
      cell: (row) => (
        <TwoLines
          first={words("incidents.endpointCount", { count: row.endpoints.length })}
          second={
            <ForeignText
              text={row.endpoints
                .slice(0, HOSTS_SHOWN)
                .map((endpoint) => endpoint.host)
                .join(", ")}
            />
          }
        />
      ),
    },
    { id: "first", header: words("incidents.first"), cell: (row) => <TimeCell at={row.firstEventAt} /> },
    { id: "last", header: words("incidents.last"), narrow: true, cell: (row) => <TimeCell at={row.lastEventAt} /> },
    { id: "events", header: words("incidents.events"), numeric: true, cell: (row) => row.events },
  ];
}

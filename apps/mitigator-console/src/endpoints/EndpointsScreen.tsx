import { Button, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import {
  type DataColumn,
  ForeignText,
  IconFilter,
  ListPanel,
  NameCell,
  Page,
  StateChips,
  StateInline,
  TimeBoth,
  TimeCell,
  useUrlFilters,
} from "@tms/console-kit";
import type { EndpointRow } from "@tms/contracts/mitigator";
import { ENDPOINT_STATE_TABLE, ENDPOINT_STATES } from "@tms/records";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";
import { EnrolmentDialog } from "./EnrolmentDialog.tsx";
import { RemoveAgentDialog } from "./RemoveAgentDialog.tsx";

const PAGE_SIZE = 25;

export function EndpointsScreen(): ReactNode {
  const words = useWords();
  const filters = useUrlFilters();
  const [enrolling, setEnrolling] = useState(false);
  const [removing, setRemoving] = useState<EndpointRow | null>(null);
  const state = ENDPOINT_STATES.find((known) => known === filters.get("state"));
  const list = api.useRead("listEndpoints", {
    query: { page: filters.page, pageSize: PAGE_SIZE, search: filters.get("search") || undefined, state },
  });
  const home = api.useRead("home", {}, { pollMs: 5000 }).data;
  const search = useDebouncedCallback((text: string) => filters.set({ search: text }), 250);
  return (
    <Page
      crumbs={[{ label: words("menu.endpoints") }]}
      title={words("menu.endpoints")}
      plainTitle={words("menu.endpoints")}
      subtitle={
        home === undefined
          ? undefined
          : words("endpoints.sum", { connected: home.endpoints.connected, total: home.endpoints.total })
      }
      actions={
        <>
          <TextInput
            aria-label={words("endpoints.search")}
            placeholder={words("endpoints.search")}
            leftSection={<IconFilter size={15} stroke={1.75} />}
            defaultValue={filters.get("search")}
            onChange={(event) => search(event.currentTarget.value)}
            w={220}
          />
          <Button variant="default" onClick={() => setEnrolling(true)}>
            {words("enrol.open")}
          </Button>
        </>
      }
    >
      <StateChips
        label={words("endpoints.states")}
        chips={[
          { value: "", label: words("all"), state: null, count: home?.endpoints.total ?? 0 },
          {
            value: "connected",
            label: ENDPOINT_STATE_TABLE.connected.text,
            state: ENDPOINT_STATE_TABLE.connected,
            count: home?.endpoints.connected ?? 0,
          },
          {
            value: "nonconforming",
            label: ENDPOINT_STATE_TABLE.nonconforming.text,
            state: ENDPOINT_STATE_TABLE.nonconforming,
            count: home?.endpoints.nonconforming ?? 0,
          },
        ]}
        chosen={filters.get("state")}
        onChoose={(value) => filters.set({ state: value })}
      />
      <ListPanel
        label={words("menu.endpoints")}
        columns={useColumns(setRemoving)}
        rowKey={(row) => row.id}
        edge={(row) =>
          row.state === "nonconforming" || row.state === "outdated-agent" ? ENDPOINT_STATE_TABLE[row.state].tone : null
        }
        dividerText={words("endpoints.divider")}
        list={list}
        filters={filters}
        pageSize={PAGE_SIZE}
        none={words("endpoints.none")}
        noMatch={words("endpoints.noMatch")}
      />
      {removing === null ? null : <RemoveAgentDialog endpoint={removing} onClose={() => setRemoving(null)} />}
      <EnrolmentDialog opened={enrolling} onClose={() => setEnrolling(false)} />
    </Page>
  );
}

function useColumns(onRemove: (row: EndpointRow) => void): DataColumn<EndpointRow>[] {
  const words = useWords();
  return [
    {
      id: "host",
      header: words("endpoint"),
      cell: (row) => (
        <NameCell
          href={paths.events(row.host)}
          name={<ForeignText text={row.host} />}
          technical={<ForeignText text={row.address} />}
        />
      ),
    },
    {
      id: "state",
      header: words("endpoints.connection"),
      narrow: true,
      cell: (row) => (
        <StateInline
          state={ENDPOINT_STATE_TABLE[row.state]}
          {...(row.stateSince === null
            ? {}
            : { small: words.rich("since", { time: <TimeBoth at={row.stateSince} /> }) })}
        />
      ),
    },
    {
      id: "heartbeat",
      header: words("endpoints.lastHeartbeat"),
      narrow: true,
      cell: (row) =>
        row.lastHeartbeatAt === null ? (
          <span className="tms-small">{words("endpoints.neverHeard")}</span>
        ) : (
          <TimeCell at={row.lastHeartbeatAt} />
        ),
    },
    { id: "threats", header: words("endpoints.threats"), numeric: true, cell: (row) => row.unresolvedThreats },
    { id: "version", header: words("endpoints.agent"), cell: (row) => <ForeignText text={row.agentVersion} mono /> },
    { id: "enrolled", header: words("endpoints.enrolled"), cell: (row) => <TimeCell at={row.enrolledAt} /> },
    { id: "requests", header: words("endpoints.patternRequests"), numeric: true, cell: (row) => row.patternRequests },
    {
      id: "remove",
      header: words("agent.end"),
      cell: (row) => (
        <Button
          className="tms-danger-quiet"
          size="compact-sm"
          aria-label={words("agent.removeTitle", { host: row.host })}
          onClick={() => onRemove(row)}
        >
          {words("agent.remove")}
        </Button>
      ),
    },
  ];
}

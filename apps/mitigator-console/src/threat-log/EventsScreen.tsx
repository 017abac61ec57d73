import { Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { DataTable, IconFilter, Page, TableFoot, useEventColumns, useUrlFilters } from "@tms/console-kit";
import { MITIGATION_STATUS_TABLE, MITIGATION_STATUSES, THREAT_EVENT_KINDS } from "@tms/records";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";

const PAGE_SIZE = 25;

/** The threat event log, newest first. */
export function EventsScreen(): ReactNode {
  const words = useWords();
  const filters = useUrlFilters();
  const status = MITIGATION_STATUSES.find((known) => known === filters.get("status"));
  const kind = THREAT_EVENT_KINDS.find((known) => known === filters.get("kind"));
  const list = api.useRead("listEvents", {
    query: { page: filters.page, pageSize: PAGE_SIZE, host: filters.get("host") || undefined, status, kind },
  });
  const search = useDebouncedCallback((host: string) => filters.set({ host }), 250);
  return (
    <Page
      crumbs={[{ label: words("menu.events") }]}
      title={words("menu.events")}
      plainTitle={words("menu.events")}
      subtitle={list.data === undefined ? undefined : words("events.sum", { count: list.data.total })}
      actions={
        <>
          <TextInput
            aria-label={words("events.host")}
            placeholder={words("events.host")}
            leftSection={<IconFilter size={15} stroke={1.75} />}
            defaultValue={filters.get("host")}
            onChange={(event) => search(event.currentTarget.value)}
            w={180}
          />
          <Select
            aria-label={words("events.status")}
            placeholder={words("events.status")}
            clearable
            clearButtonProps={{ "aria-label": words("clearFilters") }}
            value={status ?? null}
            onChange={(value) => filters.set({ status: value ?? "" })}
            data={MITIGATION_STATUSES.map((value) => ({ value, label: MITIGATION_STATUS_TABLE[value].text }))}
            w={220}
          />
          <Select
            aria-label={words("events.kind")}
            placeholder={words("events.kind")}
            clearable
            clearButtonProps={{ "aria-label": words("clearFilters") }}
            value={kind ?? null}
            onChange={(value) => filters.set({ kind: value ?? "" })}
            data={THREAT_EVENT_KINDS.map((value) => ({ value, label: words(`kind.${value}`) }))}
            w={160}
          />
        </>
      }
    >
      <div className="tms-panel">
        <DataTable
          label={words("menu.events")}
          columns={useEventColumns((event) => paths.event(event.id))}
          rows={list.data?.rows}
          rowKey={(row) => row.id}
          empty={
            filters.text === "{}"
              ? { face: "nothing-yet", text: words("events.none") }
              : {
                  face: "nothing-matches",
                  text: words("events.noMatch"),
                  clearText: words("clearFilters"),
                  onClear: () => filters.set({ host: "", status: "", kind: "" }),
                }
          }
          error={list.error}
          readAt={list.dataUpdatedAt}
          onTryNow={() => list.refetch()}
          scope={filters.text}
          expectedRows={10}
        />
      </div>
      <TableFoot
        page={filters.page}
        pageSize={PAGE_SIZE}
        total={list.data?.total ?? 0}
        onPage={(page) => filters.set({ page: String(page) })}
        note={words("events.order")}
      />
    </Page>
  );
}

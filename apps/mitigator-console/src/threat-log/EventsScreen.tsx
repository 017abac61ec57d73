import { Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconFilter, ListPanel, Page, useEventColumns, useUrlFilters } from "@tms/console-kit";
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
      <ListPanel
        label={words("menu.events")}
        columns={useEventColumns((event) => paths.event(event.id))}
        rowKey={(row) => row.id}
        expectedRows={10}
        list={list}
        filters={filters}
        pageSize={PAGE_SIZE}
        none={words("events.none")}
        noMatch={words("events.noMatch")}
        note={words("events.order")}
      />
    </Page>
  );
}

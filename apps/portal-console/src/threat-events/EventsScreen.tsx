import { Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconFilter, ListPanel, Page, ToneShape, useEventColumns, useUrlFilters } from "@tms/console-kit";
import { MITIGATION_STATUS_TABLE, MITIGATION_STATUSES } from "@tms/records";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";

const PAGE_SIZE = 25;

/** Threat events of one customer: the store of events never answers across customers. */
export function EventsScreen(): ReactNode {
  const words = useWords();
  const filters = useUrlFilters();
  const customer = filters.get("customer");
  const status = MITIGATION_STATUSES.find((known) => known === filters.get("status"));
  const list = api.useRead(
    "portalEvents",
    {
      query: {
        page: filters.page,
        pageSize: PAGE_SIZE,
        customer: customer as never,
        host: filters.get("host") || undefined,
        status,
      },
    },
    { enabled: customer !== "" },
  );
  const search = useDebouncedCallback((host: string) => filters.set({ host }), 250);
  const columns = useEventColumns((event) => paths.event(customer, event.id));
  return (
    <Page
      crumbs={[{ label: words("menu.events") }]}
      title={words("menu.events")}
      plainTitle={words("menu.events")}
      subtitle={
        customer === "" || list.data === undefined ? undefined : words("events.sum", { count: list.data.total })
      }
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
        </>
      }
    >
      {customer === "" ? (
        <div className="tms-line-note">
          <ToneShape tone="next" />
          <span>{words("events.chooseCustomer")}</span>
        </div>
      ) : (
        <ListPanel
          label={words("menu.events")}
          columns={columns}
          rowKey={(row) => row.id}
          list={list}
          filters={filters}
          pageSize={PAGE_SIZE}
          none={words("events.none")}
          noMatch={words("events.noMatch")}
          fixed={["customer"]}
          note={words("events.order")}
        />
      )}
    </Page>
  );
}

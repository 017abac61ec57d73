import { TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import {
  chipsOf,
  type DataColumn,
  ForeignText,
  IconFilter,
  ListPanel,
  NameCell,
  Page,
  StateChips,
  TimeAbsolute,
  TimeCell,
  TwoLines,
  useUrlFilters,
} from "@tms/console-kit";
import type { ProductRow } from "@tms/contracts/portal";
import { PRODUCT_STATE_TABLE, PRODUCT_STATES, type ProductState } from "@tms/records";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";
import { ProductStateCell, RecordsCell } from "./product-cells.tsx";

/** Fits 1440 × 900 with the head above; the design's picture shows as many. */
const PAGE_SIZE = 25;

/** Registered Products: the list that shows first what needs somebody. */
export function ProductsScreen(): ReactNode {
  const words = useWords();
  const filters = useUrlFilters();
  const state = PRODUCT_STATES.find((known) => known === filters.get("state"));
  const list = api.useRead("listProducts", {
    query: {
      page: filters.page,
      pageSize: PAGE_SIZE,
      customer: (filters.get("customer") || undefined) as never,
      state,
      search: filters.get("search") || undefined,
    },
  });
  const total = Object.values(list.data?.counts ?? {}).reduce((sum, count) => sum + count, 0);
  const waiting = list.data?.rows.filter((row) => row.needsSomebody).length ?? 0;
  const search = useDebouncedCallback((text: string) => filters.set({ search: text }), 250);
  return (
    <Page
      crumbs={[{ label: words("menu.products") }]}
      title={words("menu.products")}
      plainTitle={words("menu.products")}
      subtitle={
        list.data === undefined
          ? undefined
          : words("products.sum", {
              products: words("products.count", { total, customers: list.data.customers, count: total }),
              waiting: waiting === 0 ? words("products.noneWaits") : words("products.waits", { count: waiting }),
            })
      }
      actions={
        <TextInput
          aria-label={words("products.search")}
          placeholder={words("products.search")}
          leftSection={<IconFilter size={15} stroke={1.75} />}
          defaultValue={filters.get("search")}
          onChange={(event) => search(event.currentTarget.value)}
          w={220}
        />
      }
    >
      <StateChips
        label={words("products.states")}
        chips={chipsOf<ProductState>(PRODUCT_STATE_TABLE, list.data?.counts ?? {}, {
          label: words("all"),
          count: total,
        })}
        chosen={filters.get("state")}
        onChoose={(value) => filters.set({ state: value })}
      >
        {list.data === undefined || list.data.unregistered === 0 ? null : (
          <span className="tms-small" style={{ marginLeft: "auto" }}>
            {words("products.unregistered", { count: list.data.unregistered })}
          </span>
        )}
      </StateChips>
      <ListPanel
        label={words("menu.products")}
        columns={useColumns()}
        rowKey={(row) => row.id}
        edge={(row) => (row.needsSomebody ? PRODUCT_STATE_TABLE[row.state].tone : null)}
        dividerText={words("products.divider")}
        expectedRows={12}
        list={list}
        filters={filters}
        pageSize={PAGE_SIZE}
        none={words("products.none")}
        noMatch={words("products.noMatch")}
        note={
          list.data === undefined ? null : words.rich("products.judged", { time: <TimeAbsolute at={list.data.asOf} /> })
        }
      />
    </Page>
  );
}

function useColumns(): DataColumn<ProductRow>[] {
  const words = useWords();
  return [
    {
      id: "name",
      header: words("products.product"),
      cell: (row) => (
        <NameCell
          href={paths.product(row.id)}
          name={<ForeignText text={row.name} />}
          technical={<ForeignText text={row.host} />}
        />
      ),
    },
    { id: "customer", header: words("customer"), cell: (row) => row.customer.name },
    { id: "state", header: words("state"), narrow: true, cell: (row) => <ProductStateCell row={row} /> },
    {
      id: "heartbeat",
      header: words("products.lastHeartbeat"),
      narrow: true,
      cell: (row) =>
        row.lastHeartbeatAt === null ? (
          <span className="tms-small">{words("products.noHeartbeat")}</span>
        ) : (
          <TimeCell at={row.lastHeartbeatAt} />
        ),
    },
    {
      id: "logs",
      header: words("products.lastLogs"),
      cell: (row) =>
        row.lastLogsAt === null ? (
          <span className="tms-small">{words("products.noLogs")}</span>
        ) : (
          <TimeCell at={row.lastLogsAt} />
        ),
    },
    { id: "records", header: words("products.records"), cell: (row) => <RecordsCell row={row} /> },
    { id: "version", header: words("version"), cell: (row) => <ForeignText text={row.version} /> },
    {
      id: "address",
      header: words("products.addressEmail"),
      cell: (row) => (
        <TwoLines
          first={<ForeignText text={row.address} mono />}
          second={row.email === null ? words("products.noEmail") : <ForeignText text={row.email} />}
        />
      ),
    },
  ];
}

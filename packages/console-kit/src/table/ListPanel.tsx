import type { ReactNode } from "react";
import type { UrlFilters } from "../router/console-router.tsx";
import { useKitWords } from "../words/kit-words.ts";
import { DataTable, type DataTableProps } from "./DataTable.tsx";
import type { EmptyFace } from "./EmptyRows.tsx";
import { TableFoot } from "./TableFoot.tsx";

interface ListPanelProps<Row extends object>
  extends Pick<
    DataTableProps<Row>,
    "label" | "columns" | "rowKey" | "edge" | "dividerText" | "expectedRows" | "selection"
  > {
  /** What the API answered, with the server's own paging. */
  list: {
    data: { rows: Row[]; total: number } | undefined;
    error: Error | null;
    dataUpdatedAt: number;
    refetch(): unknown;
  };
  filters: UrlFilters;
  pageSize: number;
  /** Said when there is nothing yet: how it gets here. */
  none: string;
  /** Said when the filters leave nothing; a list without filters has none. */
  noMatch?: string;
  /** Names in the URL that are no filters of this list, so that clearing leaves them. */
  fixed?: readonly string[];
  note?: ReactNode;
}

/** A list as most screens show one: the table, its empty faces and its pages, all filtered by the URL. */
export function ListPanel<Row extends object>(props: ListPanelProps<Row>): ReactNode {
  const words = useKitWords();
  const { list, filters, pageSize, none, noMatch, fixed = [], note, ...table } = props;
  const set = filters.names.filter((name) => !fixed.includes(name));
  const empty: EmptyFace =
    set.length === 0 || noMatch === undefined
      ? { face: "nothing-yet", text: none }
      : {
          face: "nothing-matches",
          text: noMatch,
          clearText: words("table.clearFilters"),
          onClear: () => filters.set(Object.fromEntries(set.map((name) => [name, ""]))),
        };
  return (
    <>
      <div className="tms-panel">
        <DataTable
          {...table}
          rows={list.data?.rows}
          empty={empty}
          error={list.error}
          readAt={list.dataUpdatedAt}
          onTryNow={() => list.refetch()}
          scope={filters.text}
        />
      </div>
      <TableFoot
        page={filters.page}
        pageSize={pageSize}
        total={list.data?.total ?? 0}
        onPage={(page) => filters.set({ page: String(page) })}
        note={note}
      />
    </>
  );
}

import { Checkbox } from "@mantine/core";
import { type ColumnDef, tableFeatures, useTable } from "@tanstack/react-table";
import type { Tone } from "@tms/records";
import { Fragment, type KeyboardEvent, type ReactNode, useEffect, useState } from "react";
import { useKitWords } from "../words/kit-words.ts";
import { type EmptyFace, EmptyRows } from "./EmptyRows.tsx";
import { FailedLine } from "./FailedLine.tsx";
import { SkeletonRows } from "./SkeletonRows.tsx";
import { useHeldRows } from "./use-held-rows.ts";

export interface DataColumn<Row> {
  id: string;
  header: string;
  cell(row: Row): ReactNode;
  numeric?: boolean;
  /** Stays when a narrow screen shows three lines a row: name, state, since. */
  narrow?: boolean;
}

export interface DataTableProps<Row extends object> {
  label: string;
  columns: DataColumn<Row>[];
  rows: Row[] | undefined;
  rowKey(row: Row): string;
  /** The tone of the 3 px edge; null where nothing is to do. */
  edge?(row: Row): Tone | null;
  /** The words of the divider between the rows that need somebody and the rest. */
  dividerText?: string;
  empty: EmptyFace;
  error: Error | null;
  /** When the shown rows were read, by this browser's clock. */
  readAt: number;
  onTryNow(): void;
  /** Changes when the reader chose another page or filter: then the order may change, too. */
  scope: string;
  selection?: { chosen: ReadonlySet<string>; onChange(chosen: Set<string>): void; labelOf(row: Row): string };
  /** How many rows a page holds, for the skeleton's height. */
  expectedRows?: number;
}

const features = tableFeatures({});

export function DataTable<Row extends object>(props: DataTableProps<Row>): ReactNode {
  const words = useKitWords();
  const held = useHeldRows(props.rows ?? [], props.scope, props.rowKey);
  const late = useLate(props.rows === undefined && props.error === null);
  const columns: ColumnDef<typeof features, Row>[] = props.columns.map((column) => ({
    id: column.id,
    header: column.header,
  }));
  const table = useTable({ features, columns, data: held.rows, getRowId: props.rowKey });
  const width = props.columns.length + (props.selection === undefined ? 0 : 1);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only notices a reader and moves between the links inside.
    <div
      role="presentation"
      onPointerEnter={() => held.hold("pointer", true)}
      onPointerLeave={() => held.hold("pointer", false)}
      onFocus={() => held.hold("focus", true)}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) held.hold("focus", false);
      }}
      onKeyDown={moveByLetter}
    >
      <FailedLine
        error={props.error}
        readAt={props.rows === undefined ? null : props.readAt}
        onTryNow={props.onTryNow}
      />
      {held.newer === 0 ? null : (
        <div className="tms-waiting-rows" role="status">
          {words("table.newer", { count: held.newer })}{" "}
          <button type="button" className="tms-link" onClick={held.release}>
            {words("table.showNewer")}
          </button>
        </div>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls sideways must be reachable by keyboard. */}
      <section className="tms-table-scroll" aria-label={props.label} tabIndex={0}>
        <table className="tms-table" data-stack="">
          <thead>
            <tr>
              {props.selection === undefined ? null : (
                <SelectAll shown={held.rows.map(props.rowKey)} selection={props.selection} />
              )}
              {table.getAllLeafColumns().map((leaf, index) => (
                <th key={leaf.id} scope="col" {...(props.columns[index]?.numeric ? { "data-numeric": "" } : {})}>
                  {props.columns[index]?.header}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {late ? <SkeletonRows rows={props.expectedRows ?? 6} columns={width} /> : null}
            {table.getRowModel().rows.map((row, index) => (
              <Fragment key={row.id}>
                <Divider {...props} rows={held.rows} index={index} width={width} />
                <BodyRow {...props} row={row.original} id={row.id} />
              </Fragment>
            ))}
          </tbody>
        </table>
        {props.rows !== undefined && held.rows.length === 0 ? <EmptyRows face={props.empty} /> : null}
      </section>
    </div>
  );
}

function Divider<Row extends object>(
  props: Pick<DataTableProps<Row>, "edge" | "dividerText"> & { rows: Row[]; index: number; width: number },
): ReactNode {
  const { edge, dividerText, rows, index } = props;
  const row = rows[index];
  const before = rows[index - 1];
  if (edge === undefined || dividerText === undefined || row === undefined || before === undefined) return null;
  if (edge(row) !== null || edge(before) === null) return null;
  return (
    <tr className="tms-divider">
      <td colSpan={props.width}>{dividerText}</td>
    </tr>
  );
}

function BodyRow<Row extends object>(props: DataTableProps<Row> & { row: Row; id: string }): ReactNode {
  const tone = props.edge?.(props.row) ?? null;
  const { selection } = props;
  const chosen = selection?.chosen.has(props.id) ?? false;
  return (
    <tr
      {...(tone === null ? {} : { "data-edge": tone, style: { "--edge": `var(--tms-${tone}-solid)` } as object })}
      {...(selection === undefined ? {} : { "aria-selected": chosen })}
    >
      {selection === undefined ? null : (
        <td data-narrow="">
          <Checkbox
            size="xs"
            checked={chosen}
            aria-label={selection.labelOf(props.row)}
            onChange={() => selection.onChange(toggled(selection.chosen, props.id))}
          />
        </td>
      )}
      {props.columns.map((column, index) => (
        <td
          key={column.id}
          {...(column.numeric ? { "data-numeric": "" } : {})}
          {...(column.narrow || index === 0 ? { "data-narrow": "" } : {})}
        >
          {column.cell(props.row)}
        </td>
      ))}
    </tr>
  );
}

function SelectAll(props: {
  shown: string[];
  selection: { chosen: ReadonlySet<string>; onChange(chosen: Set<string>): void };
}): ReactNode {
  const words = useKitWords();
  const all = props.shown.length > 0 && props.shown.every((key) => props.selection.chosen.has(key));
  return (
    <th scope="col">
      <Checkbox
        size="xs"
        checked={all}
        aria-label={words("table.selectAll")}
        onChange={() => props.selection.onChange(new Set(all ? [] : props.shown))}
      />
    </th>
  );
}

function toggled(chosen: ReadonlySet<string>, key: string): Set<string> {
  const next = new Set(chosen);
  if (!next.delete(key)) next.add(key);
  return next;
}

/** `j` and `k` go from name to name; they do nothing while somebody types. */
function moveByLetter(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== "j" && event.key !== "k") return;
  if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
  const names = [...event.currentTarget.querySelectorAll<HTMLElement>(".tms-name a")];
  const here = names.findIndex((name) => name.matches(":focus"));
  names[Math.min(names.length - 1, Math.max(0, here + (event.key === "j" ? 1 : -1)))]?.focus();
}

/** A skeleton before 300 ms would only flicker. */
const SKELETON_AFTER_MS = 300;

function useLate(waiting: boolean): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (!waiting) {
      setLate(false);
      return;
    }
    const timer = setTimeout(() => setLate(true), SKELETON_AFTER_MS);
    return () => clearTimeout(timer);
  }, [waiting]);
  return late && waiting;
}

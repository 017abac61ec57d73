// What a statement of the ClickHouse HTTP interface asks for, as far as the child must know it. Pure.
// I1  Settings travel inside the statement: SET would stick to the session and change the next caller's statement.
// I2  Every reading statement carries max_execution_time: a client that goes away does not free the engine.

/** Default and longest time of a reading statement. */
export const READ_SECONDS = 30;
const MOST_READ_SECONDS = 600;
/** The engine refuses larger answers; they are held whole in memory. */
export const RESULT_BYTES = 256 * 1024 * 1024;

export interface RawInsert {
  kind: "raw-insert";
  table: string;
  columns: string[] | null;
  format: string;
  settings: Record<string, string>;
}

export type Statement =
  | RawInsert
  | { kind: "read"; sql: string }
  | { kind: "write"; sql: string }
  | { kind: "refused"; reason: string };

const RESERVED = new Set([
  "query",
  "database",
  "default_format",
  "query_id",
  "session_id",
  "session_check",
  "session_timeout",
  "role",
  "user",
  "password",
  "quota_key",
  "compress",
  "decompress",
  "enable_http_compression",
  "wait_end_of_query",
  "buffer_size",
  "send_progress_in_http_headers",
  "http_headers_progress_interval_ms",
  "cancel_http_readonly_queries_on_client_close",
]);

/** Reads the settings of a request from its URL; names that are not plain are refused by returning null. */
export function settingsOf(query: URLSearchParams): Record<string, string> | null {
  const settings: Record<string, string> = {};
  for (const [name, value] of query) {
    if (RESERVED.has(name) || name.startsWith("param_")) continue;
    if (!/^[a-z][a-z0-9_]{0,80}$/.test(name)) return null;
    settings[name] = value;
  }
  return settings;
}

const NAME = "`?[A-Za-z_][A-Za-z0-9_]*`?";
const RAW_INSERT = new RegExp(
  `^\\s*INSERT\\s+INTO\\s+(?:TABLE\\s+)?(${NAME}(?:\\.${NAME})?)\\s*(?:\\(([^()]*)\\))?\\s*(?:SETTINGS\\s+([^()]*?)\\s+)?FORMAT\\s+([A-Za-z]+)\\s*;?\\s*$`,
  "i",
);

/**
 * @param sql The statement, from the URL or the body.
 * @param withData True if the body holds rows beside the statement.
 */
export function readStatement(sql: string, withData: boolean, settings: Record<string, string>): Statement {
  const verb = firstWord(sql);
  if (verb === "SET" || verb === "USE") {
    return { kind: "refused", reason: `${verb} would outlive the statement; give settings with it` };
  }
  if (withData) return readRawInsert(sql, settings);
  const text = sql.replace(/[\s;]+$/, "");
  if (["SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN"].includes(verb) || verb.startsWith("(")) {
    return {
      kind: "read",
      sql: `${text}\nSETTINGS ${clause({ ...boundsOf(settings), ...settings, ...cap(settings) })}`,
    };
  }
  return { kind: "write", sql: Object.keys(settings).length === 0 ? text : `${text}\nSETTINGS ${clause(settings)}` };
}

function readRawInsert(sql: string, settings: Record<string, string>): Statement {
  const found = RAW_INSERT.exec(sql);
  const [, table, columns, inline, format] = found ?? [];
  if (table === undefined || format === undefined) {
    return { kind: "refused", reason: "rows may come only with INSERT INTO table (columns) FORMAT name" };
  }
  return {
    kind: "raw-insert",
    table: table.replaceAll("`", ""),
    columns: columns === undefined ? null : columns.split(",").map((name) => name.trim().replaceAll("`", "")),
    format,
    settings: { ...settings, ...inlineSettings(inline) },
  };
}

function inlineSettings(text: string | undefined): Record<string, string> {
  const pairs = (text ?? "").split(",").map((pair) => /^\s*([a-z0-9_]+)\s*=\s*'?([^']*?)'?\s*$/i.exec(pair));
  return Object.fromEntries(pairs.flatMap((pair) => (pair?.[1] === undefined ? [] : [[pair[1], pair[2] ?? ""]])));
}

function boundsOf(settings: Record<string, string>): Record<string, string> {
  return settings.max_result_bytes === undefined
    ? { max_result_bytes: String(RESULT_BYTES), result_overflow_mode: "throw" }
    : {};
}

function cap(settings: Record<string, string>): Record<string, string> {
  const wanted = Number(settings.max_execution_time ?? READ_SECONDS);
  const seconds = Number.isFinite(wanted) && wanted > 0 ? Math.min(wanted, MOST_READ_SECONDS) : READ_SECONDS;
  return { max_execution_time: String(seconds) };
}

function clause(settings: Record<string, string>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${/^-?\d{1,18}(\.\d{1,9})?$/.test(value) ? value : quoted(value)}`)
    .join(", ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** The first word behind spaces and comments, in capitals. */
function firstWord(sql: string): string {
  const bare = sql.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, "");
  return (/^(\(|[A-Za-z]+)/.exec(bare)?.[1] ?? "").toUpperCase();
}

import { expect, test } from "vitest";
import { readStatement, settingsOf } from "./statement.ts";

test("an insert of rows is taken apart into table, columns, format and settings", () => {
  const statement = readStatement(
    "INSERT INTO default.`events` (id, `host`) SETTINGS async_insert=0 FORMAT JSONEachRow",
    true,
    {
      insert_deduplication_token: "b-1",
    },
  );

  expect(statement).toEqual({
    kind: "raw-insert",
    table: "default.events",
    columns: ["id", "host"],
    format: "JSONEachRow",
    settings: { insert_deduplication_token: "b-1", async_insert: "0" },
  });
});

test("rows with any other statement are refused", () => {
  const statements = [
    "INSERT INTO t SELECT * FROM other FORMAT JSONEachRow",
    "INSERT INTO FUNCTION file('/etc/passwd') FORMAT JSONEachRow",
    "INSERT INTO t; DROP TABLE t FORMAT JSONEachRow",
    "INSERT INTO t",
  ];
  for (const sql of statements) expect(readStatement(sql, true, {}).kind, sql).toBe("refused");
});

test("SET and USE are refused however they are hidden", () => {
  for (const sql of ["SET a = 1", "  set a=1", "/* x */ SET a = 1", "-- x\nUSE system", "--\n/**/\tuse x"]) {
    expect(readStatement(sql, false, {}).kind, sql).toBe("refused");
  }
});

test("every reading statement is bounded in time and size, whatever the caller asks for", () => {
  const bounds = (settings: Record<string, string>) => {
    const statement = readStatement("SELECT 1;", false, settings);
    return statement.kind === "read" ? statement.sql : "";
  };

  expect(bounds({})).toMatch(/^SELECT 1\nSETTINGS .*max_execution_time = 30/);
  expect(bounds({})).toContain("max_result_bytes = 268435456");
  for (const wanted of ["0", "-1", "NaN", "x"])
    expect(bounds({ max_execution_time: wanted })).toContain("max_execution_time = 30");
  expect(bounds({ max_execution_time: "9999999" })).toContain("max_execution_time = 600");
});

test("a setting's value cannot leave its quotes, and its name must be plain", () => {
  const statement = readStatement("SELECT 1", false, { log_comment: "x', readonly = '0\\" });

  expect(statement).toMatchObject({ sql: expect.stringContaining("log_comment = 'x\\', readonly = \\'0\\\\'") });
  expect(settingsOf(new URLSearchParams({ "a = 1, b": "2" }))).toBeNull();
  expect(settingsOf(new URLSearchParams({ query: "x", param_v: "1", database: "d" }))).toEqual({});
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { referencePages, settingsOf, staleReferencePages } from "./reference-docs.ts";

test("lists each setting with its kind, its default and its meaning, the parts of a group by themselves", () => {
  const schema = z.strictObject({
    dataDir: z.string().describe("Where."),
    level: z.enum(["a", "b"]).default("a").describe("How loud."),
    port: z.int().min(0).max(9).optional().describe("Which."),
    inner: z.strictObject({ deep: z.boolean().default(true).describe("Deep.") }).prefault({}),
  });

  expect(settingsOf(schema)).toEqual([
    { key: "dataDir", kind: "string", ifAbsent: "required", text: "Where." },
    { key: "level", kind: '"a", "b"', ifAbsent: '"a"', text: "How loud." },
    { key: "port", kind: "0 to 9", ifAbsent: "–", text: "Which." },
    { key: "inner.deep", kind: "boolean", ifAbsent: "true", text: "Deep." },
  ]);
});

test("refuses a setting that nobody has described", () => {
  expect(() => settingsOf(z.strictObject({ quiet: z.boolean() }))).toThrow("The setting quiet has no description.");
});

test("names the pages that are missing or differ from the code, and no other", () => {
  const root = mkdtempSync(join(tmpdir(), "tms-reference-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "docs", "reference"), { recursive: true });
  const missing = staleReferencePages(root);
  for (const [path, text] of referencePages()) writeFileSync(join(root, path), text);
  const fresh = staleReferencePages(root);
  writeFileSync(join(root, "docs/reference/ports.md"), "| Portal | TCP 8441 |");

  const stale = staleReferencePages(root);

  expect([missing.length, fresh]).toEqual([2, []]);
  expect(stale).toEqual(["docs/reference/ports.md is stale: run node tools/reference-docs.ts"]);
});

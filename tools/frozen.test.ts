import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { frozenProblems } from "./frozen.ts";

const ROOT = dirname(import.meta.dirname);

/** A copy of the recorded conversations that a test may spoil. */
function copyOfFrozen(): { root: string; folder: string } {
  const root = mkdtempSync(join(tmpdir(), "tms-frozen-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  cpSync(join(ROOT, "tests", "frozen"), join(root, "tests", "frozen"), { recursive: true });
  return { root, folder: join(root, "tests", "frozen", "1.0") };
}

test("the recorded conversations are what they were", () => {
  expect(frozenProblems(ROOT)).toEqual([]);
});

test.each([
  ["edited", "client.mjs", (file: string) => appendFileSync(file, "\n")],
  ["edited", "lower/tls-key.pem", (file: string) => appendFileSync(file, " ")],
  ["removed", "conversation.json", (file: string) => rmSync(file)],
  ["added", "lower/more.json", (file: string) => writeFileSync(file, "{}")],
  ["removed", "SHA256SUMS", (file: string) => rmSync(file)],
] as const)("it is an error, and how to go on is said, when a file is %s: %s", (how, name, spoil) => {
  const { root, folder } = copyOfFrozen();

  spoil(join(folder, name));

  const problems = frozenProblems(root);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(`tests/frozen/1.0/${name} was ${how}. What a released version says`);
  expect(problems[0]).toContain("A new version gets a folder of its own");
});

test("a lock that was made to fit an edited file is an error too", () => {
  const { root, folder } = copyOfFrozen();

  rmSync(join(folder, "client.mjs"));
  writeFileSync(join(folder, "SHA256SUMS"), "");

  expect(frozenProblems(root)[0]).toContain("tests/frozen/1.0/SHA256SUMS was edited");
});

test("a version without a seal, and a seal without its version, are errors", () => {
  const { root, folder } = copyOfFrozen();

  mkdirSync(join(folder, "..", "1.1"));
  rmSync(folder, { recursive: true });

  expect(frozenProblems(root).map((problem) => problem.split(". ")[0])).toEqual([
    "tests/frozen/1.1 has no seal",
    "tests/frozen/1.0/SHA256SUMS was removed",
  ]);
});

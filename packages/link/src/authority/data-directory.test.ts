import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@tms/records";
import { expect, onTestFinished, test } from "vitest";
import { makeDataDirectory } from "./data-directory.ts";

test("makes the directory and those above it, for its owner alone, and is content with one that is there", () => {
  const path = join(folder(), "above", "data");

  makeDataDirectory(path);
  makeDataDirectory(path);

  expect(statSync(path).mode & 0o777).toBe(0o700);
});

// Node's recursive mkdir spins for ever there.
test.each(["/proc/tms-data", "/proc/tms-data/below"])("refuses %s at once", (path) => {
  expect(codeOf(() => makeDataDirectory(path))).toBe("start.directory_unwritable");
});

test.each(["file", "file/below", "file/far/below"])("refuses a place that a file has: %s", (name) => {
  const parent = folder();
  writeFileSync(join(parent, "file"), "");

  expect(codeOf(() => makeDataDirectory(join(parent, name)))).toBe("start.directory_unwritable");
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "tms-data-directory-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

function codeOf(work: () => void): string {
  try {
    work();
    return "nothing thrown";
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
}

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createSealedTruth } from "./sealed-truth.ts";

test("keeps what was planted from everybody but the one who sealed it", async () => {
  const directory = mkdtempSync(join(tmpdir(), "tms-truth-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "planter.sealed");
  const truth = createSealedTruth(file);

  await truth.write({ marker: "TMS-HARMLESS-0" });

  expect(await truth.read()).toEqual({ marker: "TMS-HARMLESS-0" });
  expect(readFileSync(file, "latin1")).not.toContain("HARMLESS");
  await expect(createSealedTruth(file).read()).rejects.toThrow();
  const bytes = readFileSync(file);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(file, bytes);
  await expect(truth.read()).rejects.toThrow();
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readConfig } from "./config.ts";

test("takes the configuration that the install page prints, word for word", () => {
  const page = readFileSync(new URL("../../../docs/how-to/install-agent.md", import.meta.url), "utf8");
  const printed = /```json\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
  const folder = mkdtempSync(join(tmpdir(), "tms-page-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "agent.json");
  writeFileSync(file, printed, { mode: 0o600 });

  const config = readConfig(file);

  expect(config).toMatchObject({ dataDir: "/var/lib/tms-agent", sandbox: null });
});

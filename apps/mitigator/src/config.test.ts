import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configSchema } from "./config.ts";

test("takes the configuration that the install page prints, word for word", () => {
  const page = readFileSync(new URL("../../../docs/how-to/install-mitigator.md", import.meta.url), "utf8");
  const printed = /```json\n([\s\S]*?)```/.exec(page)?.[1] ?? "";

  const config = configSchema.parse(JSON.parse(printed));

  expect(config).toMatchObject({ dataDir: "/var/lib/tms-mitigator", publicHost: "mitigator.example.net" });
});

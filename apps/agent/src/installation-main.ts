import { parseArgs } from "node:util";
import { AppError, startFailureOf } from "@tms/records";
import { readConfig } from "./config.ts";
import { installationOf } from "./installation-wire.ts";

// `node apps/agent/src/installation-main.ts --config FILE`: one line that says what the configuration means here.
// It opens nothing and changes nothing.

try {
  const { values } = parseArgs({ options: { config: { type: "string" } } });
  if (values.config === undefined) throw new AppError("start.config_invalid", { key: "--config" });
  process.stdout.write(`${JSON.stringify(installationOf(readConfig(values.config)))}\n`);
} catch (error) {
  const failure = startFailureOf(error);
  process.stdout.write(`${JSON.stringify(failure.line)}\n`);
  process.exitCode = failure.exit;
}

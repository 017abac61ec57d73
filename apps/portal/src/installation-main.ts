import { parseArgs } from "node:util";
import { startFailureOf } from "@tms/records";
import { readConfig } from "./config.ts";
import { installationOf } from "./installation-wire.ts";

// `node apps/portal/src/installation-main.ts --config FILE`: one line that says what the configuration means here.
// It opens nothing and changes nothing. The line may hold a database's password: it is for a pipe, not for a screen.

try {
  const { values } = parseArgs({ options: { config: { type: "string" } } });
  const config = readConfig({ file: values.config, env: process.env });
  process.stdout.write(`${JSON.stringify(installationOf(config, process.env))}\n`);
} catch (error) {
  const failure = startFailureOf(error);
  process.stdout.write(`${JSON.stringify(failure.line)}\n`);
  process.exitCode = failure.exit;
}

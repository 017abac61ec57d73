import { startFailureOf } from "@tms/records";
import { readConfig } from "./config.ts";
import { installationOf } from "./installation-wire.ts";

// `node apps/mitigator/src/installation-main.ts --config FILE`: one line that says what the configuration means here.
// It opens nothing and changes nothing. The line may hold a database's password: it is for a pipe, not for a screen.

try {
  process.stdout.write(`${JSON.stringify(installationOf(readConfig(), process.env))}\n`);
} catch (error) {
  const failure = startFailureOf(error);
  process.stdout.write(`${JSON.stringify(failure.line)}\n`);
  process.exitCode = failure.exit;
}

import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { makeDataDirectory } from "@tms/link";
import { createLogger, runMain } from "@tms/server-kit";
import { startPortal } from "./app.ts";
import { readConfig } from "./config.ts";

// `node apps/portal/src/main.ts --config FILE`: stops on SIGTERM, SIGINT and when its parent is gone.

await runMain("The portal", async (_stop, opened) => {
  const { values } = parseArgs({ options: { config: { type: "string" }, roles: { type: "string" } } });
  const config = readConfig({ file: values.config, env: process.env, roles: values.roles });
  makeDataDirectory(resolve(config.dataDir));
  const log = createLogger({ name: "portal", file: join(config.dataDir, "portal.log"), level: config.logLevel });
  const ready = await startPortal(config, log, opened);
  if (ready.setUpLink !== null) process.stderr.write(`Set-up link, valid once: ${ready.setUpLink}\n`);
  log.info({ console: ready.console, statusServer: ready.statusServer, logServer: ready.logServer }, "portal ready");
  return { ready, close: async () => undefined };
});

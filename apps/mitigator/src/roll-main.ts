import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { rollOrderSchema } from "@tms/link";
import { startFailureOf } from "@tms/records";
import { createAudit, openBesideServer } from "@tms/server-kit";
import { type AgentTables, createAgentStore } from "#app/agents/index.ts";
import { createEndpointStore, type EndpointTables } from "#app/endpoints/index.ts";
import { readConfig } from "./config.ts";
import { rollMitigatorKey } from "./roll-keys.ts";

// `node apps/mitigator/src/roll-main.ts --config FILE`: takes one order on standard input and answers with one line, which
// holds no key. Beside a running mitigator or without it; TMS_DATABASE_URL says where the database is.

try {
  const config = readConfig();
  if (!("url" in config.database)) throw new RangeError("TMS_DATABASE_URL is not set.");
  const order = rollOrderSchema.parse(JSON.parse(await text(process.stdin)));
  const { url } = config.database;
  const [agents, endpoints] = [await openBesideServer<AgentTables>(url), await openBesideServer<EndpointTables>(url)];
  try {
    const report = await rollMitigatorKey(order, {
      agents: createAgentStore(agents.app),
      endpoints: createEndpointStore(endpoints.app),
      audit: createAudit({ db: agents }),
      dataDir: resolve(config.dataDir),
    });
    process.stdout.write(`${JSON.stringify({ schema: "tms.keys-roll/1", ok: true, ...report })}\n`);
  } finally {
    await Promise.all([agents.close(), endpoints.close()]);
  }
} catch (error) {
  const failure = startFailureOf(error);
  process.stdout.write(`${JSON.stringify(failure.line)}\n`);
  process.exitCode = failure.exit;
}

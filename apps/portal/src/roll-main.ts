import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { rollOrderSchema } from "@tms/link";
import { startFailureOf } from "@tms/records";
import { openBesideServer } from "@tms/server-kit";
import { readConfig } from "./config.ts";
import { rollPortalKey } from "./roll-keys.ts";

// `node apps/portal/src/roll-main.ts --config FILE`: takes one order on standard input and answers with one line, which
// holds no key. Beside a running portal or without it; TMS_DATABASE_URL says where the database is.

try {
  const { values } = parseArgs({ options: { config: { type: "string" } } });
  const config = readConfig({ file: values.config, env: process.env });
  if (!("url" in config.database)) throw new RangeError("TMS_DATABASE_URL is not set.");
  const order = rollOrderSchema.parse(JSON.parse(await text(process.stdin)));
  const db = await openBesideServer(config.database.url);
  try {
    const report = await rollPortalKey(order, { db, dataDir: resolve(config.dataDir) });
    process.stdout.write(`${JSON.stringify({ schema: "tms.keys-roll/1", ok: true, ...report })}\n`);
  } finally {
    await db.close();
  }
} catch (error) {
  const failure = startFailureOf(error);
  process.stdout.write(`${JSON.stringify(failure.line)}\n`);
  process.exitCode = failure.exit;
}

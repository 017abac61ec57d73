import { once } from "node:events";
import { parseArgs } from "node:util";
import { startFailureOf } from "@tms/records";
import { createSecretBox, openBesideServer } from "@tms/server-kit";
import { readConfig, secretKeyFileOf } from "./config.ts";
import { exportOnlineKeys, restoreOnlineKeys } from "./online-keys.ts";

// `node apps/portal/src/online-keys-main.ts --config FILE export`: one line with the online keys in the clear, for a
// pipe to `tms keys export`, never for a screen. `… restore` takes such a line on standard input. Beside a running
// portal or without it; TMS_DATABASE_URL says where the database is.

try {
  const { values, positionals } = parseArgs({ options: { config: { type: "string" } }, allowPositionals: true });
  const config = readConfig({ file: values.config, env: process.env });
  if (!("url" in config.database)) throw new RangeError("TMS_DATABASE_URL is not set.");
  const db = await openBesideServer(config.database.url);
  const parts = { db, secrets: createSecretBox({ keyFile: secretKeyFileOf(config, process.env) }) };
  try {
    const answer =
      positionals[0] === "restore"
        ? await restoreOnlineKeys(parts, await standardInput())
        : await exportOnlineKeys(parts);
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  } finally {
    await db.close();
  }
} catch (error) {
  const failure = startFailureOf(error);
  process.stdout.write(`${JSON.stringify(failure.line)}\n`);
  process.exitCode = failure.exit;
}

async function standardInput(): Promise<string> {
  let text = "";
  process.stdin.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  await once(process.stdin, "end");
  return text;
}

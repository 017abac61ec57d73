import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { startPostgres } from "@tms/embedded-stores";
import { isAlive, type RunOwner } from "./run-directory.ts";
import { publish } from "./test-postgres.ts";

// Holds the one PostgreSQL of a test run, and takes everything away when the run's main process has ended, however.

const LOOK_MS = 300;
const [directory = "", pid = "", startTicks = ""] = process.argv.slice(2);
const owner: RunOwner = { pid: Number(pid), startTicks };

try {
  const postgres = await startPostgres({
    directory: join(directory, "postgres"),
    databases: ["tests"],
    // Nothing here must survive a power cut.
    settings: { fsync: "off", synchronous_commit: "off", full_page_writes: "off", max_connections: "300" },
  });
  await publish(directory, { url: postgres.url("tests") });
  while (await isAlive(owner)) await wait(LOOK_MS);
  await postgres.remove();
} catch (error) {
  await writeFile(join(directory, "postgres-failed.txt"), String(error instanceof Error ? error.stack : error));
  while (await isAlive(owner)) await wait(LOOK_MS);
} finally {
  await rm(directory, { recursive: true, force: true });
}

import { setTimeout as pause } from "node:timers/promises";
import { Client } from "pg";

/**
 * Resolves once a transaction of this database waits for a lock that another one holds: both are in the race then.
 *
 * @param url The database as its owner opens it.
 */
export async function untilSomebodyWaits(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    // The bound is for a hang; nothing is asserted about time.
    for (let tries = 0; tries < 1000; tries += 1) {
      const { rowCount } = await client.query(
        "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      if (rowCount !== 0) return;
      await pause(10);
    }
    throw new Error("nobody waits for a lock");
  } finally {
    await client.end();
  }
}

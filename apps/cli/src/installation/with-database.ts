import type { Installation } from "@tms/contracts";
import { findPostgres, startPostgres } from "@tms/embedded-stores";
import { AppError } from "@tms/records";

/**
 * Gives a command the address of an installation's database: beside the running server, or, where an embedded one
 * stands still, started for as long as the work takes.
 *
 * @throws {AppError} `store.never_made` before the first start.
 */
export async function withDatabase<T>(installation: Installation, work: (ownerUrl: string) => Promise<T>): Promise<T> {
  const { database } = installation;
  if (database === null) throw new AppError("cli.usage", { reason: `${installation.process} has no database` });
  if ("url" in database.at) return work(database.at.url);
  const { directory } = database.at;
  const found = await findPostgres(directory);
  if (found.state === "running") return work(found.url(database.name));
  if (found.state === "absent") throw new AppError("store.never_made", { directory });
  const postgres = await startPostgres({ directory, databases: [database.name] });
  try {
    return await work(postgres.url(database.name));
  } finally {
    await postgres.stop();
  }
}

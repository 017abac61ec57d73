import type { CustomerScope } from "@tms/records";
import { freshUntil, signOnlineFiles } from "@tms/signing";
import type { RepositoryStore, RepositoryTransaction } from "./repository.ts";

/** Signs a new snapshot and timestamp over the role files in force (within the caller's transaction). */
export async function publishOnline(
  tx: RepositoryTransaction,
  inForce: { targets: number; roles: Record<string, number> },
  now: Date,
): Promise<void> {
  const files: Record<string, Buffer> = { targets: await tx.metadata(`${inForce.targets}.targets.json`) };
  for (const [role, version] of Object.entries(inForce.roles))
    files[role] = await tx.metadata(`${version}.${role}.json`);
  const online = tx.state.online + 1;
  const signed = signOnlineFiles(files, tx.onlineKeys, { version: online, now });
  await tx.putMetadata(signed.snapshot.name, signed.snapshot.bytes);
  await tx.putMetadata(signed.timestamp.name, signed.timestamp.bytes);
  const fresh = freshUntil(
    new Map([
      [signed.snapshot.name, signed.snapshot.bytes],
      [signed.timestamp.name, signed.timestamp.bytes],
    ]),
  );
  await tx.setState({ ...tx.state, ...inForce, online, timestampExpiresAt: fresh });
}

/** The timestamp lives seven days; renewed when less than this is left, it never runs out over a weekend. */
const RENEW_WHEN_LEFT_MS = 4 * 24 * 3_600_000;

/** Renews freshness before it ends; says whether it was due. */
export function createRefreshTimestamp(deps: { repositories: Pick<RepositoryStore, "locked">; now: () => Date }) {
  return (scope: CustomerScope): Promise<boolean> =>
    deps.repositories.locked(scope, async (tx) => {
      const now = deps.now();
      if (tx.state.timestampExpiresAt.getTime() - now.getTime() > RENEW_WHEN_LEFT_MS) return false;
      await publishOnline(tx, { targets: tx.state.targets, roles: tx.state.roles }, now);
      return true;
    });
}

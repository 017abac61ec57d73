import type { CustomerId, CustomerScope, ProviderScope, Sha256 } from "@tms/records";
import { AppError } from "@tms/records";
import { type Databases, inCustomer, inProvider, type SecretBox } from "@tms/server-kit";
import { type Kysely, sql } from "kysely";
import type { NewTarget, RepositoryState, RepositoryStore, RepositoryTransaction } from "./repository.ts";

export interface OnlineKeys {
  snapshot: string;
  timestamp: string;
}

export interface SqlRepositoryStore extends RepositoryStore {
  /** In the clear, of every customer; for an export that encrypts them at once. @throws {AppError} `secret.unreadable`. */
  exportOnlineKeys(scope: ProviderScope): Promise<(OnlineKeys & { customer: CustomerId })[]>;
  /** Seals a customer's keys anew where the stored ones do not open with this server's key. */
  restoreOnlineKeys(scope: CustomerScope, keys: OnlineKeys): Promise<"good" | "restored" | "no_customer">;
  /** Customers whose timestamp ends before this; for the renewing job. */
  endingBefore(scope: ProviderScope, instant: Date): Promise<CustomerId[]>;
}

export function createRepositoryStore(db: Pick<Databases, "app" | "provider">, secrets: SecretBox): SqlRepositoryStore {
  return {
    create: (scope, repository) =>
      inCustomer(db.app, scope, async (trx) => {
        for (const table of ["patterns_metadata", "patterns_targets", "patterns_repositories"]) {
          await sql`delete from ${sql.table(table)} where customer = ${scope.customer}`.execute(trx);
        }
        for (const [name, bytes] of repository.metadata) await putMetadata(trx, scope, { name, bytes });
        for (const target of repository.targets) await putTarget(trx, scope, target);
        const { patternRoot, timestampExpiresAt, ...versions } = repository.state;
        await sql`insert into patterns_repositories (customer, versions, snapshot_key, timestamp_key,
            timestamp_expires_at, pattern_root)
          values (${scope.customer}, ${JSON.stringify(versions)}::jsonb,
            ${secrets.seal(repository.onlineKeys.snapshot, boundTo("snapshot_key", scope))},
            ${secrets.seal(repository.onlineKeys.timestamp, boundTo("timestamp_key", scope))},
            ${timestampExpiresAt}, ${patternRoot})`.execute(trx);
      }),
    locked: (scope, work) =>
      inCustomer(db.app, scope, async (trx) => work(await openRepositoryTransaction(trx, scope, secrets))),
    metadata: (scope, name) => inCustomer(db.app, scope, (trx) => readMetadata(trx, scope, name)),
    target: (scope, path) =>
      inCustomer(db.app, scope, async (trx) => {
        const { rows } = await sql<{ path: string; sha256: Sha256; size_bytes: string; blob_key: string }>`
          select path, sha256, size_bytes, blob_key from patterns_targets
          where customer = ${scope.customer} and path = ${path}`.execute(trx);
        const row = rows[0];
        return row === undefined
          ? null
          : { path: row.path, sha256: row.sha256, sizeBytes: Number(row.size_bytes), blobKey: row.blob_key };
      }),
    state: (scope) =>
      inCustomer(db.app, scope, async (trx) => {
        const row = await readRepository(trx, scope, "read");
        return row === null ? null : stateOf(row);
      }),
    exportOnlineKeys: async () => {
      const customers = await inProvider(db.provider, async (trx) => {
        const { rows } = await sql<{ customer: CustomerId }>`select customer from patterns_repositories`.execute(trx);
        return rows.map((row) => row.customer);
      });
      const keys: (OnlineKeys & { customer: CustomerId })[] = [];
      for (const customer of customers) {
        const row = await inCustomer(db.app, { customer }, (trx) => readRepository(trx, { customer }, "read"));
        if (row !== null) keys.push({ customer, ...openOnlineKeys(row, { customer }, secrets) });
      }
      return keys;
    },
    restoreOnlineKeys: (scope, keys) =>
      inCustomer(db.app, scope, async (trx) => {
        const row = await readRepository(trx, scope, "lock");
        if (row === null) return "no_customer";
        if (isReadable(row, scope, secrets)) return "good";
        await sql`update patterns_repositories set
          snapshot_key = ${secrets.seal(keys.snapshot, boundTo("snapshot_key", scope))},
          timestamp_key = ${secrets.seal(keys.timestamp, boundTo("timestamp_key", scope))}
          where customer = ${scope.customer}`.execute(trx);
        return "restored";
      }),
    endingBefore: (_, instant) =>
      inProvider(db.provider, async (trx) => {
        const { rows } = await sql<{ customer: CustomerId }>`select customer from patterns_repositories
          where timestamp_expires_at < ${instant}`.execute(trx);
        return rows.map((row) => row.customer);
      }),
  };
}

/** Locks the customer's repository and opens its online keys; the caller's transaction commits or drops all writes. */
export async function openRepositoryTransaction(
  trx: Kysely<unknown>,
  scope: CustomerScope,
  secrets: SecretBox,
): Promise<RepositoryTransaction> {
  const row = await lockRepository(trx, scope);
  return {
    state: stateOf(row),
    onlineKeys: openOnlineKeys(row, scope, secrets),
    async metadata(name) {
      const bytes = await readMetadata(trx, scope, name);
      if (bytes === null) throw new AppError("pattern.metadata_invalid", { name, reason: "absent" });
      return bytes;
    },
    putMetadata: (name, bytes) => putMetadata(trx, scope, { name, bytes }),
    putTarget: (target) => putTarget(trx, scope, target),
    async setState({ patternRoot: _, timestampExpiresAt, ...versions }) {
      await sql`update patterns_repositories set versions = ${JSON.stringify(versions)}::jsonb,
        timestamp_expires_at = ${timestampExpiresAt} where customer = ${scope.customer}`.execute(trx);
    },
  };
}

/** One of a customer's publishing, signing and drafting goes on at a time, until the caller's transaction ends. */
export async function lockRepository(trx: Kysely<unknown>, scope: CustomerScope): Promise<RepositoryRow> {
  const row = await readRepository(trx, scope, "lock");
  if (row === null) throw new AppError("customer.unknown", { customer: scope.customer });
  return row;
}

interface RepositoryRow {
  versions: { root: number; targets: number; online: number; roles: Record<string, number> };
  snapshot_key: string;
  timestamp_key: string;
  timestamp_expires_at: Date;
  pattern_root: Sha256;
}

function openOnlineKeys(row: RepositoryRow, scope: CustomerScope, secrets: SecretBox): OnlineKeys {
  return {
    snapshot: secrets.open(row.snapshot_key, boundTo("snapshot_key", scope)),
    timestamp: secrets.open(row.timestamp_key, boundTo("timestamp_key", scope)),
  };
}

function isReadable(row: RepositoryRow, scope: CustomerScope, secrets: SecretBox): boolean {
  try {
    openOnlineKeys(row, scope, secrets);
    return true;
  } catch (error) {
    // Sealed by another key: that is the question.
    if (error instanceof AppError && error.code === "secret.unreadable") return false;
    throw error;
  }
}

async function readRepository(
  trx: Kysely<unknown>,
  scope: CustomerScope,
  how: "read" | "lock",
): Promise<RepositoryRow | null> {
  const { rows } = await sql<RepositoryRow>`select versions, snapshot_key, timestamp_key, timestamp_expires_at,
      pattern_root from patterns_repositories where customer = ${scope.customer}
    ${how === "lock" ? sql`for update` : sql``}`.execute(trx);
  return rows[0] ?? null;
}

function stateOf(row: RepositoryRow): RepositoryState {
  return { ...row.versions, patternRoot: row.pattern_root, timestampExpiresAt: row.timestamp_expires_at };
}

async function readMetadata(trx: Kysely<unknown>, scope: CustomerScope, name: string): Promise<Buffer | null> {
  const { rows } = await sql<{ bytes: Buffer }>`select bytes from patterns_metadata
    where customer = ${scope.customer} and name = ${name}`.execute(trx);
  return rows[0]?.bytes ?? null;
}

async function putMetadata(
  trx: Kysely<unknown>,
  scope: CustomerScope,
  file: { name: string; bytes: Buffer },
): Promise<void> {
  // Only timestamp.json has a name that stays; a numbered file is never replaced by other bytes.
  await sql`insert into patterns_metadata (customer, name, bytes)
    values (${scope.customer}, ${file.name}, ${file.bytes})
    on conflict (customer, name) do update set bytes = excluded.bytes, stored_at = now()
      where excluded.name = 'timestamp.json'`.execute(trx);
}

async function putTarget(trx: Kysely<unknown>, scope: CustomerScope, target: NewTarget): Promise<void> {
  await sql`insert into patterns_targets (customer, path, sha256, size_bytes, blob_key)
    values (${scope.customer}, ${target.path}, ${target.sha256}, ${target.sizeBytes}, ${target.blobKey})
    on conflict (customer, path) do update set sha256 = excluded.sha256, size_bytes = excluded.size_bytes,
      blob_key = excluded.blob_key`.execute(trx);
}

/** A sealed value opens only for its own table, column, customer and row. */
function boundTo(column: string, scope: CustomerScope): string {
  return `patterns_repositories ${column} ${scope.customer} ${scope.customer}`;
}

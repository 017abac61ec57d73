import { AppError, type Clock, type CustomerId, type CustomerScope, type Sha256 } from "@tms/records";
import {
  describeRoleFile,
  freshUntil,
  NOTHING_SEEN,
  rootFingerprint,
  sha256Of,
  signOnlineFiles,
  type TrustedTargets,
  verifyRepository,
} from "@tms/signing";
import type { NewTarget, RepositoryState, RepositoryStore } from "./repository.ts";

/** What a key ceremony gave: signed metadata, its targets and the two online keys. */
export interface CeremonyBundle {
  customer: { id: CustomerId; name: string };
  metadata: ReadonlyMap<string, Buffer>;
  targets: ReadonlyMap<string, Buffer>;
  onlineKeys: { snapshot: string; timestamp: string };
}

export interface OpenRepositoryDeps {
  repositories: Pick<RepositoryStore, "create">;
  putBlob(scope: CustomerScope, name: string, bytes: Uint8Array): Promise<string>;
  clock: Clock;
}

/**
 * Verifies a bundle exactly as an agent would, from its own root, with the first snapshot and timestamp that the online
 * keys sign; then keeps it.
 *
 * @throws {AppError} `customer.keys_invalid`, with the verification's own error as cause.
 */
export function createOpenRepository(deps: OpenRepositoryDeps) {
  return async function openRepository(scope: CustomerScope, bundle: CeremonyBundle): Promise<Sha256> {
    const now = deps.clock.now();
    const { metadata, trusted, patternRoot } = verifyBundle(scope, bundle, now);
    const targets: NewTarget[] = [];
    for (const { path, sha256, sizeBytes } of trusted.targets) {
      const bytes = bundle.targets.get(path);
      if (bytes === undefined || sha256Of(bytes) !== sha256 || bytes.length !== sizeBytes) {
        throw new AppError("customer.keys_invalid", { path });
      }
      targets.push({ path, sha256, sizeBytes, blobKey: await deps.putBlob(scope, `patterns/${sha256}`, bytes) });
    }
    const state: RepositoryState = {
      patternRoot,
      root: trusted.highest.root,
      targets: trusted.highest.roles.targets ?? 1,
      online: 1,
      roles: rolesOf(trusted),
      timestampExpiresAt: freshUntil(metadata),
    };
    await deps.repositories.create(scope, { state, onlineKeys: bundle.onlineKeys, metadata, targets });
    return patternRoot;
  };
}

function verifyBundle(scope: CustomerScope, bundle: CeremonyBundle, now: Date) {
  try {
    const root = bundle.metadata.get("1.root.json");
    if (root === undefined || bundle.customer.id !== scope.customer) throw new AppError("customer.keys_invalid");
    const patternRoot = rootFingerprint(root);
    const online = signOnlineFiles(newestRoleFiles(bundle.metadata), bundle.onlineKeys, { version: 1, now });
    const metadata = new Map([
      ...bundle.metadata,
      [online.snapshot.name, online.snapshot.bytes] as const,
      [online.timestamp.name, online.timestamp.bytes] as const,
    ]);
    const pin = { patternRoot, customer: bundle.customer.id };
    return { metadata, patternRoot, trusted: verifyRepository(pin, metadata, { now, highest: NOTHING_SEEN }) };
  } catch (error) {
    throw new AppError("customer.keys_invalid", { customer: bundle.customer.id }, { cause: error });
  }
}

/** `targets` and every role file, each in its highest version: what the snapshot lists. */
function newestRoleFiles(metadata: ReadonlyMap<string, Buffer>): Record<string, Buffer> {
  const newest: Record<string, Buffer> = {};
  for (const [name, bytes] of metadata) {
    const role = name.replace(/^[0-9]+\./, "").replace(/\.json$/, "");
    if (role === "root" || role === "snapshot" || role === "timestamp") continue;
    const before = newest[role];
    if (before === undefined || describeRoleFile(before).version < describeRoleFile(bytes).version)
      newest[role] = bytes;
  }
  return newest;
}

function rolesOf(trusted: TrustedTargets): Record<string, number> {
  const { targets: _, ...roles } = trusted.highest.roles;
  return roles;
}

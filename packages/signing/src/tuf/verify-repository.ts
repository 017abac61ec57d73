import { AppError, type Brand, type CustomerId, type Sha256 } from "@tms/records";
import type { Metadata, Root, Targets } from "@tufjs/models";
import { BadVersionError, ExpiredMetadataError } from "tuf-js/dist/error.js";
import { TrustedMetadataStore } from "tuf-js/dist/store.js";
import { rootFingerprint } from "./author.ts";
import { checkRoleFile, refuseAliasedKeys } from "./check-role-file.ts";
import {
  CUSTOMER_FIELD,
  isTargetRole,
  LEAST_SIGNATURES,
  OFFLINE_THRESHOLD,
  TARGET_ROLES,
  type TargetRole,
} from "./roles.ts";
import { readSnapshot, readTargets, readTimestamp, signedAtOf } from "./tuf-json.ts";

// Verification of one customer's repository from its pinned root, over bytes alone.
// V1  Trust begins at root version 1, whose SHA-256 was pinned; its customer must be the pinned one.
// V2  Time is max(now, highest signed time seen). Only files that two people signed advance it: neither the portal's
//     online keys nor one expert alone may make everything expire.
// V3  No version is ever below the highest one seen, which the caller keeps outside the metadata.
// V4  A target counts only in the role whose paths it lies under, and only if that role's delegation demands enough
//     signatures by different keys.

export interface VerifiedTarget {
  readonly path: string;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  readonly role: TargetRole;
}

/** A target that stands in a repository verified to its pinned root; only `verifyRepository` makes one. */
export type TrustedTarget = Brand<VerifiedTarget, "TrustedTarget">;

/** What is remembered of a repository outside its metadata, so that nothing older is ever believed again. */
export interface HighestSeen {
  root: number;
  timestamp: number;
  snapshot: number;
  /** `targets` and each delegated role. */
  roles: Record<string, number>;
  /** The latest time that two people's signatures covered, RFC 3339; null before the first. */
  signedAt: string | null;
}

export const NOTHING_SEEN: HighestSeen = { root: 0, timestamp: 0, snapshot: 0, roles: {}, signedAt: null };

export interface TrustedTargets {
  targets: TrustedTarget[];
  highest: HighestSeen;
  /** File names (consistent snapshot form) that make up this state. */
  files: string[];
}

export interface RepositoryPin {
  patternRoot: Sha256;
  customer: CustomerId;
}

/**
 * Verifies a whole repository.
 *
 * @param files TUF file name → stored bytes: `1.root.json`, `timestamp.json`, `4.snapshot.json`, `2.custom-act.json`, …
 * @param now The time by which freshness is judged; for a stored state, when it was last found fresh.
 * @throws {AppError} `pattern.root_differs`, `pattern.customer_differs`, `pattern.metadata_rolled_back`,
 *   `pattern.metadata_expired`, `pattern.metadata_invalid`, `pattern.key_repeated`, `pattern.signature_missing`.
 */
export function verifyRepository(
  pin: RepositoryPin,
  files: ReadonlyMap<string, Uint8Array>,
  at: { now: Date; highest: HighestSeen },
): TrustedTargets {
  const store = openAtPinnedRoot(pin, files);
  const seen = { ...at.highest, roles: { ...at.highest.roles } };
  const used = followRootChain(store, files);
  judgeRoot(store.root, seen);
  setReferenceTime(store, latest(at.now, at.highest.signedAt));

  used.push(...loadOnlineRoles(store, files, seen));
  const top = loadTopTargets(store, files, seen);
  used.push(top.name);
  const targets = TARGET_ROLES.flatMap((role) => {
    const loaded = loadRole(store, files, { role, top: top.bytes });
    used.push(loaded.name);
    rememberVersion(seen, role, loaded.metadata);
    return loaded.targets;
  });
  return { targets, highest: seen, files: used };
}

/** The earliest moment at which part of this verified state stops being fresh. */
export function freshUntil(files: ReadonlyMap<string, Uint8Array>): Date {
  const timestamp = readTimestamp(fileOf(files, "timestamp.json"));
  const snapshotName = `${timestamp.signed.snapshotMeta.version}.snapshot.json`;
  const snapshot = readSnapshot(fileOf(files, snapshotName));
  const earliest = Math.min(Date.parse(timestamp.signed.expires), Date.parse(snapshot.signed.expires));
  return new Date(earliest);
}

function openAtPinnedRoot(pin: RepositoryPin, files: ReadonlyMap<string, Uint8Array>): TrustedMetadataStore {
  const first = fileOf(files, "1.root.json");
  if (rootFingerprint(first) !== pin.patternRoot) {
    throw new AppError("pattern.root_differs", { expected: pin.patternRoot, got: rootFingerprint(first) });
  }
  const store = coded("root", () => new TrustedMetadataStore(first));
  const named = store.root.signed.unrecognizedFields[CUSTOMER_FIELD];
  const id = typeof named === "object" && named !== null && !Array.isArray(named) ? named.id : undefined;
  if (id !== pin.customer) throw new AppError("pattern.customer_differs", { customer: id });
  return store;
}

function followRootChain(store: TrustedMetadataStore, files: ReadonlyMap<string, Uint8Array>): string[] {
  const used = ["1.root.json"];
  for (let version = 2; files.has(`${version}.root.json`); version += 1) {
    const name = `${version}.root.json`;
    const bytes = fileOf(files, name);
    coded(name, () => store.updateRoot(bytes));
    used.push(name);
  }
  return used;
}

function judgeRoot(root: Metadata<Root>, seen: HighestSeen): void {
  refuseAliasedKeys(root.signed.keys);
  for (const role of ["root", "targets"]) {
    const threshold = root.signed.roles[role]?.threshold ?? 0;
    if (threshold < OFFLINE_THRESHOLD) throw new AppError("pattern.signature_missing", { role, threshold });
  }
  seen.root = risen("root", root.signed.version, seen.root);
  rememberSignedAt(seen, root);
}

function loadOnlineRoles(
  store: TrustedMetadataStore,
  files: ReadonlyMap<string, Uint8Array>,
  seen: HighestSeen,
): string[] {
  const timestamp = coded("timestamp.json", () => store.updateTimestamp(fileOf(files, "timestamp.json")));
  seen.timestamp = risen("timestamp", timestamp.signed.version, seen.timestamp);

  const name = `${timestamp.signed.snapshotMeta.version}.snapshot.json`;
  const snapshot = coded(name, () => store.updateSnapshot(fileOf(files, name)));
  seen.snapshot = risen("snapshot", snapshot.signed.version, seen.snapshot);
  for (const [role, highest] of Object.entries(seen.roles)) {
    risen(role, snapshot.signed.meta[`${role}.json`]?.version ?? 0, highest);
  }
  return ["timestamp.json", name];
}

function loadTopTargets(store: TrustedMetadataStore, files: ReadonlyMap<string, Uint8Array>, seen: HighestSeen) {
  const { name, bytes } = listedFile(store, files, "targets");
  coded(name, () => store.updateDelegatedTargets(bytes, "targets", "root"));
  const top = readTargets(bytes);
  judgeDelegations(top);
  rememberVersion(seen, "targets", top);
  return { name, bytes };
}

function judgeDelegations(top: Metadata<Targets>): void {
  const { delegations, targets } = top.signed;
  refuseAliasedKeys(delegations?.keys ?? {});
  if (Object.keys(targets).length > 0) throw invalid("targets", "the top level holds targets");
  for (const [name, role] of Object.entries(delegations?.roles ?? {})) {
    if (!isTargetRole(name) || role.name !== name) throw invalid(name, "unknown role");
    if (!role.terminating || role.paths?.length !== 1 || role.paths[0] !== `${name}/*`) {
      throw invalid(name, "the delegation reaches beyond its own paths");
    }
    if (role.threshold < LEAST_SIGNATURES[name]) {
      throw new AppError("pattern.signature_missing", { role: name, threshold: role.threshold });
    }
  }
}

function loadRole(
  store: TrustedMetadataStore,
  files: ReadonlyMap<string, Uint8Array>,
  { role, top }: { role: TargetRole; top: Uint8Array },
) {
  const { name, bytes } = listedFile(store, files, role);
  // First our own check, which is stricter than the library's and says what is wrong with a signature.
  const checked = checkRoleFile(bytes, role, top);
  coded(name, () => store.updateDelegatedTargets(bytes, role, "targets"));
  const outside = checked.targets.find((target) => !TARGET_PATH.test(target.path) || roleOfPath(target.path) !== role);
  if (outside !== undefined) throw invalid(role, `the target ${outside.path} does not belong to it`);
  return {
    name,
    metadata: readTargets(bytes),
    targets: checked.targets.map((target) => ({ ...target, role }) as VerifiedTarget as TrustedTarget),
  };
}

/** One folder, one plain name: what any file system and any URL takes without a second meaning. */
const TARGET_PATH = /^[a-z-]{1,40}\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,119}$/;

function roleOfPath(path: string): string | undefined {
  return path.split("/")[0];
}

function listedFile(store: TrustedMetadataStore, files: ReadonlyMap<string, Uint8Array>, role: string) {
  const version = store.snapshot?.signed.meta[`${role}.json`]?.version;
  if (version === undefined) throw invalid(role, "not listed in the snapshot");
  const name = `${version}.${role}.json`;
  return { name, bytes: fileOf(files, name) };
}

function rememberVersion(seen: HighestSeen, role: string, metadata: Metadata<Targets>): void {
  seen.roles[role] = risen(role, metadata.signed.version, seen.roles[role] ?? 0);
  if (role === "targets" || (isTargetRole(role) && LEAST_SIGNATURES[role] >= 2)) rememberSignedAt(seen, metadata);
}

function rememberSignedAt(seen: HighestSeen, metadata: Metadata<Root> | Metadata<Targets>): void {
  const at = signedAtOf(metadata.signed);
  if (at !== null && (seen.signedAt === null || at > new Date(seen.signedAt))) seen.signedAt = at.toISOString();
}

function risen(role: string, version: number, highest: number): number {
  if (version < highest) throw new AppError("pattern.metadata_rolled_back", { role, version, highest });
  return version;
}

function latest(now: Date, signedAt: string | null): Date {
  return signedAt !== null && new Date(signedAt) > now ? new Date(signedAt) : now;
}

/**
 * The library takes its time from the system clock at construction; there is no parameter for it. The field is private
 * in its types only (seen in tuf-js 6.0.2), and a test fails if a later version no longer reads it.
 */
function setReferenceTime(store: TrustedMetadataStore, time: Date): void {
  Reflect.set(store, "referenceTime", time);
}

function fileOf(files: ReadonlyMap<string, Uint8Array>, name: string): Buffer {
  const bytes = files.get(name);
  if (bytes === undefined) throw invalid(name, "absent");
  return Buffer.from(bytes);
}

function coded<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code =
      error instanceof ExpiredMetadataError
        ? "pattern.metadata_expired"
        : error instanceof BadVersionError
          ? "pattern.metadata_rolled_back"
          : "pattern.metadata_invalid";
    throw new AppError(code, { file }, { cause: error });
  }
}

function invalid(part: string, reason: string): AppError {
  return new AppError("pattern.metadata_invalid", { part, reason });
}

import { AppError, type CustomerId, type Sha256 } from "@tms/records";
import { type Ed25519Key, keyIdOf, publicSpkiOf } from "../ed25519.ts";
import {
  makeRoleFile,
  makeRoot,
  makeSnapshot,
  makeTargets,
  makeTimestamp,
  rootFingerprint,
  signRole,
} from "./author.ts";
import { describeRoleFile } from "./check-role-file.ts";
import { LEAST_SIGNATURES, OFFLINE_THRESHOLD, TARGET_ROLES, type TargetRole } from "./roles.ts";

export interface Ceremony {
  customer: { id: CustomerId; name: string };
  /** Three keys for root and targets; two of them sign. */
  offline: Ed25519Key[];
  /** The experts; every one may sign for every role, and as many sign here as a role demands. */
  experts: { name: string; key: Ed25519Key }[];
  /** Public halves of the online keys, SPKI DER. */
  snapshot: Uint8Array;
  timestamp: Uint8Array;
  /** First targets of a role; a role that is not named begins empty. */
  targets: Partial<Record<TargetRole, { path: string; bytes: Uint8Array }[]>>;
  at: Date;
}

export interface OfflineRepository {
  patternRoot: Sha256;
  /** `1.root.json`, `1.targets.json`, `1.regular.json`, … → stored bytes. */
  metadata: Map<string, Buffer>;
  /** Target path → bytes. */
  targets: Map<string, Uint8Array>;
}

/**
 * The part of a customer's repository that is signed offline, in one go: root version 1, the empty top-level targets and
 * one signed file a role.
 */
export function holdCeremony(ceremony: Ceremony): OfflineRepository {
  const { customer, offline, experts, at } = ceremony;
  const offlineSigners = offline.slice(0, OFFLINE_THRESHOLD).map((key) => key.privatePkcs8Pem);
  const root = signedByAll(
    makeRoot(
      customer,
      { offline: offline.map((key) => key.publicSpki), snapshot: ceremony.snapshot, timestamp: ceremony.timestamp },
      { version: 1, signedAt: at, expires: yearsAfter(at, ROOT_YEARS) },
    ),
    offlineSigners,
  );
  const delegations = TARGET_ROLES.map((role) => ({
    role,
    threshold: LEAST_SIGNATURES[role],
    keys: experts.map(({ name, key }) => ({ publicSpki: key.publicSpki, name })),
  }));
  const topTargets = makeTargets(delegations, { version: 1, signedAt: at, expires: yearsAfter(at, TARGETS_YEARS) });

  const metadata = new Map([
    ["1.root.json", root],
    ["1.targets.json", signedByAll(topTargets, offlineSigners)],
  ]);
  const targets = new Map<string, Uint8Array>();
  for (const role of TARGET_ROLES) {
    const first = ceremony.targets[role] ?? [];
    const file = makeRoleFile(first, { version: 1, signedAt: at, expires: roleExpiry(at) });
    const signers = experts.slice(0, LEAST_SIGNATURES[role]).map(({ key }) => key.privatePkcs8Pem);
    metadata.set(`1.${role}.json`, signedByAll(file, signers));
    for (const target of first) targets.set(target.path, target.bytes);
  }
  return { patternRoot: rootFingerprint(root), metadata, targets };
}

/** When a role file signed now expires. Patterns that were verified act until their own `expires`, whatever this says. */
export function roleExpiry(at: Date): Date {
  return yearsAfter(at, ROLE_YEARS);
}

export interface OnlineFiles {
  snapshot: { name: string; version: number; bytes: Buffer };
  timestamp: { name: "timestamp.json"; version: number; bytes: Buffer };
}

/**
 * What the portal signs with its online keys: freshness, nothing else.
 *
 * @param roleFiles Stored bytes of `targets` and of each role file in force, by role name.
 * @param keys PKCS#8 PEM of the online keys.
 * @param version The next one; snapshot and timestamp count together here.
 */
export function signOnlineFiles(
  roleFiles: Record<string, Uint8Array>,
  keys: { snapshot: string; timestamp: string },
  { version, now }: { version: number; now: Date },
): OnlineFiles {
  const signing = { version, signedAt: now, expires: new Date(now.getTime() + ONLINE_DAYS * 86_400_000) };
  const listed = Object.fromEntries(
    Object.entries(roleFiles).map(([role, bytes]) => [role, { version: describeRoleFile(bytes).version, bytes }]),
  );
  const snapshot = signRole(makeSnapshot(listed, signing), keys.snapshot);
  const timestamp = signRole(makeTimestamp({ version, bytes: snapshot }, signing), keys.timestamp);
  return {
    snapshot: { name: `${version}.snapshot.json`, version, bytes: snapshot },
    timestamp: { name: "timestamp.json", version, bytes: timestamp },
  };
}

/** Whether a private key is the one that a root accepts for an online role; for judging a key bundle at import. */
export function isKeyOf(privatePkcs8Pem: string, keyIds: readonly string[]): boolean {
  return keyIds.includes(keyIdOf(publicSpkiOf(privatePkcs8Pem)));
}

/** Root and targets are renewed by a ceremony, so their lives are long; role files are renewed by every signature. */
const ROOT_YEARS = 5;
const TARGETS_YEARS = 2;
const ROLE_YEARS = 1;
const ONLINE_DAYS = 7;

function yearsAfter(at: Date, years: number): Date {
  const later = new Date(at);
  later.setUTCFullYear(later.getUTCFullYear() + years);
  return later;
}

function signedByAll(bytes: Buffer, privateKeys: string[]): Buffer {
  if (privateKeys.length === 0) throw new AppError("pattern.signature_missing", { given: 0 });
  return privateKeys.reduce((file, key) => signRole(file, key), bytes);
}

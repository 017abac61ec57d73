import { AppError, type CustomerId, type Sha256 } from "@tms/records";
import { type Key, Metadata, MetaFile, Root, Signature, Snapshot, TargetFile, Targets, Timestamp } from "@tufjs/models";
import { Delegations } from "@tufjs/models/dist/delegations.js";
import { DelegatedRole, Role } from "@tufjs/models/dist/role.js";
import { sha256Of } from "../digest.ts";
import { keyIdOf, publicSpkiOf, signBytes } from "../ed25519.ts";
import { CUSTOMER_FIELD, LEAST_SIGNATURES, OFFLINE_THRESHOLD, SIGNED_AT_FIELD, type TargetRole } from "./roles.ts";
import { readJson, readRoot, readSnapshot, readTargets, readTimestamp, type TufJson, tufKeyOf } from "./tuf-json.ts";

// Authoring of one customer's TUF repository, over bytes alone.
// A1  Every `make…` gives unsigned bytes; `signRole` adds one signature and changes nothing else that is signed.
// A2  No public key enters a role twice, nor one of offline and online roles at once.
// A3  Every target and every metadata file is listed with length and SHA-256; without a hash tuf-js checks length only.

export interface Signing {
  version: number;
  signedAt: Date;
  expires: Date;
}

export interface RootKeys {
  /** SPKI DER. Root and targets are held by the same offline keys. */
  offline: Uint8Array[];
  snapshot: Uint8Array;
  timestamp: Uint8Array;
}

export interface Delegation {
  role: TargetRole;
  threshold: number;
  keys: { publicSpki: Uint8Array; name: string }[];
}

/** Root metadata that names its customer. Its SHA-256 once signed, as version 1, is what products pin. */
export function makeRoot(customer: { id: CustomerId; name: string }, keys: RootKeys, signing: Signing): Buffer {
  refuseRepeated([...keys.offline, keys.snapshot, keys.timestamp]);
  if (keys.offline.length < OFFLINE_THRESHOLD) throw new AppError("pattern.signature_missing", { role: "root" });
  const root = new Root({
    ...common(signing, { [CUSTOMER_FIELD]: { id: customer.id, name: customer.name } }),
    consistentSnapshot: true,
    roles: {
      root: new Role({ keyIDs: [], threshold: OFFLINE_THRESHOLD }),
      targets: new Role({ keyIDs: [], threshold: OFFLINE_THRESHOLD }),
      snapshot: new Role({ keyIDs: [], threshold: 1 }),
      timestamp: new Role({ keyIDs: [], threshold: 1 }),
    },
  });
  for (const spki of keys.offline) {
    root.addKey(tufKeyOf(spki), "root");
    root.addKey(tufKeyOf(spki), "targets");
  }
  root.addKey(tufKeyOf(keys.snapshot), "snapshot");
  root.addKey(tufKeyOf(keys.timestamp), "timestamp");
  return bytesOf(new Metadata(root));
}

/** Top-level targets: no target of its own, one terminating delegation a role over the paths `role/*`. */
export function makeTargets(delegations: Delegation[], signing: Signing): Buffer {
  const keys: Record<string, Key> = {};
  const roles: Record<string, DelegatedRole> = {};
  for (const { role, threshold, keys: members } of delegations) {
    refuseRepeated(members.map((member) => member.publicSpki));
    if (threshold < LEAST_SIGNATURES[role] || threshold > members.length) {
      throw new AppError("pattern.signature_missing", { role, threshold, keys: members.length });
    }
    for (const member of members) {
      const key = tufKeyOf(member.publicSpki, member.name);
      keys[key.keyID] = key;
    }
    const keyIDs = members.map((member) => keyIdOf(member.publicSpki));
    roles[role] = new DelegatedRole({ name: role, keyIDs, threshold, terminating: true, paths: [`${role}/*`] });
  }
  return bytesOf(new Metadata(new Targets({ ...common(signing), delegations: new Delegations({ keys, roles }) })));
}

/** A role file with these targets and no signature. */
export function makeRoleFile(targets: { path: string; bytes: Uint8Array }[], signing: Signing): Buffer {
  const role = new Targets(common(signing));
  for (const target of targets) role.addTarget(targetFileOf(target));
  return bytesOf(new Metadata(role));
}

/**
 * The role's next version with one target added or replaced, without signatures: TUF signs the file, so everybody signs
 * anew what it now says.
 *
 * @param inForce Stored bytes of the version in force; null for a role without one.
 */
export function addTarget(
  inForce: Uint8Array | null,
  target: { path: string; bytes: Uint8Array },
  signing: Omit<Signing, "version">,
): Buffer {
  const before = inForce === null ? null : readTargets(inForce).signed;
  const next = new Targets(common({ ...signing, version: (before?.version ?? 0) + 1 }));
  for (const kept of Object.values(before?.targets ?? {})) next.addTarget(kept);
  next.addTarget(targetFileOf(target));
  return bytesOf(new Metadata(next));
}

/** Lists version, length and hash of `targets.json` and of every role file. */
export function makeSnapshot(files: Record<string, { version: number; bytes: Uint8Array }>, signing: Signing): Buffer {
  const meta: Record<string, MetaFile> = {};
  for (const [name, { version, bytes }] of Object.entries(files)) meta[`${name}.json`] = metaFileOf(version, bytes);
  return bytesOf(new Metadata(new Snapshot({ ...common(signing), meta })));
}

export function makeTimestamp(snapshot: { version: number; bytes: Uint8Array }, signing: Signing): Buffer {
  const snapshotMeta = metaFileOf(snapshot.version, snapshot.bytes);
  return bytesOf(new Metadata(new Timestamp({ ...common(signing), snapshotMeta })));
}

/**
 * Adds one signature to a metadata file of any kind; signing again with the same key changes nothing.
 *
 * @throws {AppError} `pattern.metadata_invalid` if the bytes are no TUF metadata.
 */
export function signRole(bytes: Uint8Array, privatePkcs8Pem: string): Buffer {
  const metadata = readAny(bytes);
  const keyId = keyIdOf(publicSpkiOf(privatePkcs8Pem));
  metadata.sign((data) => new Signature({ keyID: keyId, sig: signBytes(privatePkcs8Pem, data).toString("hex") }));
  return bytesOf(metadata);
}

/** SHA-256 of the stored bytes of root version 1. */
export function rootFingerprint(rootV1: Uint8Array): Sha256 {
  return sha256Of(rootV1);
}

function readAny(bytes: Uint8Array): Metadata<Root> | Metadata<Targets> | Metadata<Snapshot> | Metadata<Timestamp> {
  const { signed } = readJson(bytes);
  const type = typeof signed === "object" && signed !== null && !Array.isArray(signed) ? signed._type : undefined;
  switch (type) {
    case "root":
      return readRoot(bytes);
    case "targets":
      return readTargets(bytes);
    case "snapshot":
      return readSnapshot(bytes);
    case "timestamp":
      return readTimestamp(bytes);
    default:
      throw new AppError("pattern.metadata_invalid", { type });
  }
}

function common({ version, signedAt, expires }: Signing, extra: Record<string, TufJson> = {}) {
  return {
    specVersion: "1.0.31",
    version,
    expires: secondsText(expires),
    unrecognizedFields: { [SIGNED_AT_FIELD]: secondsText(signedAt), ...extra },
  };
}

/** TUF times have whole seconds. */
function secondsText(instant: Date): string {
  return `${instant.toISOString().slice(0, 19)}Z`;
}

function targetFileOf({ path, bytes }: { path: string; bytes: Uint8Array }): TargetFile {
  return new TargetFile({ path, length: bytes.length, hashes: { sha256: sha256Of(bytes) } });
}

function metaFileOf(version: number, bytes: Uint8Array): MetaFile {
  return new MetaFile({ version, length: bytes.length, hashes: { sha256: sha256Of(bytes) } });
}

function bytesOf(metadata: { toJSON(): unknown }): Buffer {
  return Buffer.from(`${JSON.stringify(metadata.toJSON())}\n`, "utf8");
}

function refuseRepeated(keys: Uint8Array[]): void {
  const ids = keys.map(keyIdOf);
  if (new Set(ids).size !== ids.length) throw new AppError("pattern.key_repeated", { keys: ids });
}

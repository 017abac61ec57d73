import { AppError, isSha256, type Sha256 } from "@tms/records";
import { Key, type Metadata, type Root, type Targets } from "@tufjs/models";
import { keyIdOf } from "../ed25519.ts";
import { asSha256, keyNameOf, readJson, readRoot, readTargets, spkiOfTufKey, tufKeyOf } from "./tuf-json.ts";

/** A key that a delegation accepts, with the name that the key ceremony gave it. */
export interface RoleKey {
  keyId: Sha256;
  name: string;
  publicSpki: Buffer;
}

export interface RoleKeys {
  threshold: number;
  keys: RoleKey[];
}

export interface CheckedRoleFile {
  version: number;
  expires: Date;
  threshold: number;
  /** Distinct keys of the role with a good signature. */
  signers: RoleKey[];
  targets: { path: string; sha256: Sha256; sizeBytes: number }[];
}

/**
 * Which keys a delegation accepts.
 *
 * @param delegating Stored bytes of the delegating metadata: root for `targets`, the top-level targets for the others.
 * @throws {AppError} `pattern.metadata_invalid`; `pattern.key_repeated` if a public key stands under two ids.
 */
export function roleKeysOf(role: string, delegating: Uint8Array): RoleKeys {
  return keysOfDelegation(role, readDelegating(delegating));
}

/**
 * Checks a role file's signatures against its delegation, more strictly than TUF does: every signature in the file must
 * be good, by a key of the role, and by another key than every other one.
 *
 * @param bytes The role file as stored.
 * @param demand `threshold`: as many signatures as the role demands; `one`: at least one, while others are awaited.
 * @throws {AppError} `pattern.metadata_invalid`, `pattern.key_repeated`, `pattern.key_foreign`,
 *   `pattern.signature_invalid`, `pattern.signature_missing`.
 */
export function checkRoleFile(
  bytes: Uint8Array,
  role: string,
  delegating: Uint8Array,
  demand: "threshold" | "one" = "threshold",
): CheckedRoleFile {
  const accepted = keysOfDelegation(role, readDelegating(delegating));
  refuseRepeatedSignatures(bytes);
  const file = readTargets(bytes);

  const signers = Object.keys(file.signatures).map((keyId) => signerOf(keyId, accepted, file));

  const needed = demand === "one" ? 1 : accepted.threshold;
  if (signers.length < needed) {
    throw new AppError("pattern.signature_missing", { role, given: signers.length, needed });
  }
  return {
    version: file.signed.version,
    expires: new Date(file.signed.expires),
    threshold: accepted.threshold,
    signers,
    targets: targetsOf(file),
  };
}

/** What a role file says, without any judgement of its signatures; for showing a difference to a person. */
export function describeRoleFile(bytes: Uint8Array): Omit<CheckedRoleFile, "signers" | "threshold"> {
  const file = readTargets(bytes);
  return { version: file.signed.version, expires: new Date(file.signed.expires), targets: targetsOf(file) };
}

/** Refuses metadata in which one public key stands under two ids, or under an id that is not its own. */
export function refuseAliasedKeys(keys: Record<string, Key>): void {
  const seen = new Set<string>();
  for (const [id, key] of Object.entries(keys)) {
    const spki = spkiOfTufKey(key);
    if (spki === null) throw new AppError("pattern.metadata_invalid", { keyId: id, reason: "not a raw Ed25519 key" });
    // The id must be the key's own hash: a second id for the same key is thereby impossible, and named as such.
    if (keyIdOf(spki) !== id || seen.has(keyIdOf(spki))) throw new AppError("pattern.key_repeated", { keyId: id });
    seen.add(id);
  }
}

type Delegating = Metadata<Root> | Metadata<Targets>;

function readDelegating(bytes: Uint8Array): Delegating {
  const { signed } = readJson(bytes);
  const type = typeof signed === "object" && signed !== null && !Array.isArray(signed) ? signed._type : undefined;
  return type === "root" ? readRoot(bytes) : readTargets(bytes);
}

function keysOfDelegation(role: string, delegating: Delegating): RoleKeys {
  const holder = "delegations" in delegating.signed ? delegating.signed.delegations : (delegating.signed as Root);
  const keys = holder?.keys;
  const found = holder?.roles?.[role];
  if (keys === undefined || found === undefined) throw new AppError("pattern.metadata_invalid", { role });
  refuseAliasedKeys(keys);
  const members = found.keyIDs.flatMap((keyId): RoleKey[] => {
    const key = keys[keyId];
    const publicSpki = key === undefined ? null : spkiOfTufKey(key);
    return key === undefined || publicSpki === null
      ? []
      : [{ keyId: asSha256(keyId), name: keyNameOf(key), publicSpki }];
  });
  return { threshold: found.threshold, keys: members };
}

function signerOf(keyId: string, accepted: RoleKeys, file: Metadata<Targets>): RoleKey {
  const signer = accepted.keys.find((key) => key.keyId === keyId);
  if (signer !== undefined) {
    if (!verifies(keyId, signer, file)) throw new AppError("pattern.signature_invalid", { keyId });
    return signer;
  }
  // A signature that one of the role's keys made, under another id, is an attempt to count one person twice.
  const alias = accepted.keys.find((key) => verifies(keyId, key, file));
  throw new AppError(alias === undefined ? "pattern.key_foreign" : "pattern.key_repeated", { keyId });
}

function verifies(keyId: string, signer: RoleKey, file: Metadata<Targets>): boolean {
  const key = new Key({ ...tufKeyOf(signer.publicSpki), keyID: keyId });
  try {
    key.verifySignature(file);
    return true;
  } catch {
    // The library tells "does not verify" by throwing; the caller names the code.
    return false;
  }
}

function refuseRepeatedSignatures(bytes: Uint8Array): void {
  const { signatures } = readJson(bytes);
  if (!Array.isArray(signatures)) throw new AppError("pattern.metadata_invalid", { reason: "no signatures" });
  const ids = signatures.map((entry) =>
    typeof entry === "object" && entry !== null && !Array.isArray(entry) ? entry.keyid : undefined,
  );
  if (new Set(ids).size !== ids.length) throw new AppError("pattern.key_repeated", { keys: ids });
}

function targetsOf(file: Metadata<Targets>): CheckedRoleFile["targets"] {
  return Object.values(file.signed.targets).map((target) => {
    const sha256 = target.hashes.sha256;
    if (sha256 === undefined || !isSha256(sha256)) {
      throw new AppError("pattern.metadata_invalid", { target: target.path, reason: "no SHA-256" });
    }
    return { path: target.path, sha256, sizeBytes: target.length };
  });
}

import { createPublicKey } from "node:crypto";
import { AppError, type ErrorCode, type Sha256 } from "@tms/records";
import { Key, Metadata, MetadataKind, type Root, type Snapshot, type Targets, type Timestamp } from "@tufjs/models";
import { sha256Of } from "../digest.ts";
import { KEY_NAME_FIELD, SIGNED_AT_FIELD } from "./roles.ts";

export type TufJson = null | boolean | number | string | TufJson[] | { [key: string]: TufJson };
export type TufObject = { [key: string]: TufJson };

/** No role file is near this; it bounds what is parsed before any signature is known to be good. */
export const MAX_METADATA_BYTES = 5_000_000;

/** Parses bytes as one kind of TUF metadata; whatever is wrong with their form is one code. */
export function readRoot(bytes: Uint8Array): Metadata<Root> {
  return asInvalid(() => Metadata.fromJSON(MetadataKind.Root, readJson(bytes)));
}

export function readTargets(bytes: Uint8Array): Metadata<Targets> {
  return asInvalid(() => Metadata.fromJSON(MetadataKind.Targets, readJson(bytes)));
}

export function readSnapshot(bytes: Uint8Array): Metadata<Snapshot> {
  return asInvalid(() => Metadata.fromJSON(MetadataKind.Snapshot, readJson(bytes)));
}

export function readTimestamp(bytes: Uint8Array): Metadata<Timestamp> {
  return asInvalid(() => Metadata.fromJSON(MetadataKind.Timestamp, readJson(bytes)));
}

export function readJson(bytes: Uint8Array, code: ErrorCode = "pattern.metadata_invalid"): TufObject {
  if (bytes.length > MAX_METADATA_BYTES) throw new AppError(code, { bytes: bytes.length });
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw new AppError(code, {}, { cause: error });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new AppError(code, {});
  return parsed as TufObject;
}

/** The library reports malformed metadata as TypeError and its own classes; to us they are one thing. */
export function asInvalid<T>(work: () => T, code: ErrorCode = "pattern.metadata_invalid"): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError(code, {}, { cause: error });
  }
}

/** A public key as TUF keeps it. Its id is the SHA-256 of the SPKI, so that one key cannot stand under two ids. */
export function tufKeyOf(publicSpki: Uint8Array, name?: string): Key {
  return new Key({
    keyID: sha256Of(publicSpki),
    keyType: "ed25519",
    scheme: "ed25519",
    keyVal: { public: rawKeyOf(publicSpki) },
    ...(name === undefined ? {} : { unrecognizedFields: { [KEY_NAME_FIELD]: name } }),
  });
}

/** The SPKI of a TUF key; null for anything that is not a plain Ed25519 key in raw hexadecimal form. */
export function spkiOfTufKey(key: Key): Buffer | null {
  const raw = key.keyVal.public;
  if (key.keyType !== "ed25519" || key.scheme !== "ed25519" || raw === undefined) return null;
  return /^[0-9a-f]{64}$/.test(raw) ? Buffer.concat([SPKI_PREFIX, Buffer.from(raw, "hex")]) : null;
}

export function keyNameOf(key: Key): string {
  const name = key.unrecognizedFields?.[KEY_NAME_FIELD];
  return typeof name === "string" ? name : key.keyID.slice(0, 12);
}

export function signedAtOf(signed: { unrecognizedFields: Record<string, unknown> }): Date | null {
  const text = signed.unrecognizedFields[SIGNED_AT_FIELD];
  const at = new Date(typeof text === "string" ? text : Number.NaN);
  return Number.isNaN(at.getTime()) ? null : at;
}

export function asSha256(text: string): Sha256 {
  return text as Sha256;
}

/** DER before the 32 raw bytes of an Ed25519 public key (RFC 8410, section 4). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

function rawKeyOf(publicSpki: Uint8Array): string {
  const key = createPublicKey({ key: Buffer.from(publicSpki), format: "der", type: "spki" });
  if (key.asymmetricKeyType !== "ed25519") throw new AppError("keys.unreadable", { type: key.asymmetricKeyType });
  return Buffer.from(publicSpki).subarray(SPKI_PREFIX.length).toString("hex");
}

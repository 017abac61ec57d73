import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { AppError, type Sha256 } from "@tms/records";
import { sha256Of } from "./digest.ts";

export interface Ed25519Key {
  /** SubjectPublicKeyInfo, DER. */
  publicSpki: Buffer;
  privatePkcs8Pem: string;
  /** SHA-256 of the SPKI: one key can have only one id. */
  keyId: Sha256;
}

/** Makes a fresh Ed25519 key from the platform's random source. */
export function makeEd25519(): Ed25519Key {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const publicSpki = publicKey.export({ format: "der", type: "spki" });
  return {
    publicSpki,
    privatePkcs8Pem: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    keyId: sha256Of(publicSpki),
  };
}

/** The public half of a private key, as SPKI DER. */
export function publicSpkiOf(privatePkcs8Pem: string): Buffer {
  return createPublicKey(privateKeyOf(privatePkcs8Pem)).export({ format: "der", type: "spki" });
}

export function keyIdOf(publicSpki: Uint8Array): Sha256 {
  return sha256Of(publicSpki);
}

/** Signs the bytes as they are; nothing is canonicalised (architecture, section 8). */
export function signBytes(privatePkcs8Pem: string, bytes: Uint8Array): Buffer {
  return sign(null, bytes, privateKeyOf(privatePkcs8Pem));
}

/** Whether `signature` is one of `publicSpki` over exactly these bytes; a key that is not Ed25519 never verifies. */
export function verifyBytes(publicSpki: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  const key = publicKeyOf(publicSpki);
  return key !== null && signature.length === SIGNATURE_BYTES && verify(null, bytes, key, signature);
}

const SIGNATURE_BYTES = 64;

function publicKeyOf(publicSpki: Uint8Array): KeyObject | null {
  try {
    const key = createPublicKey({ key: Buffer.from(publicSpki), format: "der", type: "spki" });
    return key.asymmetricKeyType === "ed25519" ? key : null;
  } catch {
    // Bytes that are no key verify nothing; the caller turns `false` into its own code.
    return null;
  }
}

function privateKeyOf(pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw new AppError("keys.unreadable", {}, { cause: error });
  }
  if (key.asymmetricKeyType !== "ed25519") throw new AppError("keys.unreadable", { type: key.asymmetricKeyType });
  return key;
}

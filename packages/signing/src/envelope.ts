import { AppError, type ErrorCode, type Sha256 } from "@tms/records";
import { equalSecret } from "./compare.ts";
import { keyIdOf, publicSpkiOf, signBytes, verifyBytes } from "./ed25519.ts";

/** Stored bytes and a signature over exactly these bytes; the wire form is `signedBytesSchema` of contracts. */
export interface SignedBytes {
  /** base64 */
  bytes: string;
  keyId: Sha256;
  /** base64 */
  signature: string;
}

/** Signs bytes and carries them along, so that what is verified is what is parsed. */
export function sealBytes(privatePkcs8Pem: string, bytes: Uint8Array): SignedBytes {
  return {
    bytes: Buffer.from(bytes).toString("base64"),
    keyId: keyIdOf(publicSpkiOf(privatePkcs8Pem)),
    signature: signBytes(privatePkcs8Pem, bytes).toString("base64"),
  };
}

/**
 * Gives the bytes back only if the pinned key signed them.
 *
 * @param trustedSpki The key that the caller pinned, SPKI DER; the envelope's own `keyId` decides nothing.
 * @throws {AppError} `code`, by default `link.signature_invalid`.
 */
export function openSigned(
  signed: SignedBytes,
  trustedSpki: Uint8Array,
  code: ErrorCode = "link.signature_invalid",
): Buffer {
  const bytes = Buffer.from(signed.bytes, "base64");
  const named = equalSecret(signed.keyId, keyIdOf(trustedSpki));
  if (!named || !verifyBytes(trustedSpki, bytes, Buffer.from(signed.signature, "base64"))) {
    throw new AppError(code, { keyId: signed.keyId });
  }
  return bytes;
}

import { createHash, randomBytes } from "node:crypto";

/** 256 bits: nobody guesses it, so a plain SHA-256 of it may be stored and looked up. */
const TOKEN_BYTES = 32;
const TOKEN_FORM = /^[0-9A-Za-z_-]{43}$/;

/** An opaque token for a caller, of which we keep the hash only. */
export function newSecretToken(): { token: string; sha256: Buffer } {
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  return { token, sha256: tokenHash(token) };
}

export function tokenHash(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** Anything else never reaches the database. */
export function looksLikeToken(text: string): boolean {
  return TOKEN_FORM.test(text);
}

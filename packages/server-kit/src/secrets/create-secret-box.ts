import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { AppError } from "@tms/records";

// Secrets at rest: AES-256-GCM under a key from a file that lies outside the database.
// X1  A value opens only where it was sealed: `bound` names table, column, customer and row and is authenticated.
// X2  Each value names its key, so that keys can be changed one value at a time.
// X3  A fresh random nonce per value; 2^32 values per key are the bound of NIST SP 800-38D, far beyond our rows.

export interface SecretBox {
  /** @param bound Where the value will lie: `portal_link_settings.password/<row>`. */
  seal(text: string, bound: string): string;
  /** @throws {AppError} `secret.unreadable`: another key, another place, or a damaged value. */
  open(sealed: string, bound: string): string;
  keyId: string;
}

const VERSION = "s1";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** A secret is a password or a key file; more is something else. */
const MAX_PLAIN_BYTES = 64 * 1024;

/** Reads the key, or makes it (0600) on the first start. */
export function createSecretBox(options: { keyFile: string }): SecretBox {
  const key = readKey(options.keyFile) ?? makeKey(options.keyFile);
  const keyId = createHash("sha256").update("tms secret key").update(key).digest("hex").slice(0, 8);
  return {
    keyId,
    seal(text, bound) {
      const plain = Buffer.from(text, "utf8");
      if (plain.length > MAX_PLAIN_BYTES) throw new RangeError("A secret of more than 64 KiB is not sealed.");
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(associated(keyId, bound));
      const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return `${VERSION}.${keyId}.${sealed.toString("base64url")}`;
    },
    open(sealed, bound) {
      const [version, usedKey, body, ...rest] = sealed.split(".");
      const bytes = Buffer.from(body ?? "", "base64url");
      if (version !== VERSION || usedKey !== keyId || rest.length > 0 || bytes.length < NONCE_BYTES + TAG_BYTES) {
        throw new AppError("secret.unreadable", { bound, usedKey, keyId });
      }
      const tagAt = bytes.length - TAG_BYTES;
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(associated(keyId, bound));
      decipher.setAuthTag(bytes.subarray(tagAt));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, tagAt)), decipher.final()]).toString("utf8");
      } catch (error) {
        throw new AppError("secret.unreadable", { bound, keyId }, { cause: error });
      }
    },
  };
}

function associated(keyId: string, bound: string): Buffer {
  return Buffer.from(JSON.stringify([VERSION, keyId, bound]), "utf8");
}

function readKey(file: string): Buffer | null {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const key = Buffer.from(text, "base64");
  if (key.length !== KEY_BYTES) throw new AppError("start.config_invalid", { file, problem: "not a key of 32 bytes" });
  return key;
}

function makeKey(file: string): Buffer {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const key = randomBytes(KEY_BYTES);
  // Of two nodes that start at once, one makes it and the other reads it.
  let descriptor: number;
  try {
    descriptor = openSync(file, "wx", 0o600);
  } catch (error) {
    const made = (error as NodeJS.ErrnoException).code === "EEXIST" ? readKey(file) : null;
    if (made === null) throw error;
    return made;
  }
  try {
    writeSync(descriptor, `${key.toString("base64")}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  return key;
}

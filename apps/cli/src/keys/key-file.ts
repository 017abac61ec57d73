import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { AppError } from "@tms/records";
import { z } from "zod";

// A private key on a person's own machine: scrypt from the passphrase, AES-256-GCM over the key; kind, name and public
// half are authenticated with it, so that a file cannot be passed off as another one's.

/** OWASP's figure for scrypt; 128 MiB and about half a second. */
const SCRYPT_N = 2 ** 17;
/** The demo's passphrase is random and lies beside the key: stretching it would only cost time. */
const DEMO_SCRYPT_N = 2 ** 12;
/** A file of somebody else's must not make us take all memory. */
const MAX_SCRYPT_N = 2 ** 20;
const SCRYPT_R = 8 as const;

export const KEY_KINDS = ["ed25519", "age"] as const;

const keyFileSchema = z.strictObject({
  schema: z.literal("tms.key/1"),
  kind: z.enum(KEY_KINDS),
  name: z.string().min(1).max(120),
  /** SPKI DER in base64, or the age recipient. */
  publicKey: z.string().max(4000),
  kdf: z.strictObject({
    name: z.literal("scrypt"),
    n: z.int().min(1024).max(MAX_SCRYPT_N),
    r: z.literal(SCRYPT_R),
    p: z.literal(1),
    salt: z.base64(),
  }),
  nonce: z.base64(),
  sealed: z.base64().max(20_000),
  tag: z.base64(),
});
export type KeyFile = z.infer<typeof keyFileSchema>;

export interface PlainKey {
  kind: (typeof KEY_KINDS)[number];
  name: string;
  publicKey: string;
  secret: string;
}

/** The text of an encrypted key file. */
export async function sealKey(key: PlainKey, passphrase: string, strength: "full" | "demo"): Promise<string> {
  const salt = randomBytes(16);
  const kdf = {
    name: "scrypt" as const,
    n: strength === "demo" ? DEMO_SCRYPT_N : SCRYPT_N,
    r: SCRYPT_R,
    p: 1 as const,
  };
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", await derive(passphrase, salt, kdf.n), nonce);
  cipher.setAAD(boundTo(key));
  const sealed = Buffer.concat([cipher.update(key.secret, "utf8"), cipher.final()]);
  const file: KeyFile = {
    schema: "tms.key/1",
    kind: key.kind,
    name: key.name,
    publicKey: key.publicKey,
    kdf: { ...kdf, salt: salt.toString("base64") },
    nonce: nonce.toString("base64"),
    sealed: sealed.toString("base64"),
    tag: cipher.getAuthTag().toString("base64"),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** Reads a key file's open part. @throws {AppError} `keys.unreadable`. */
export function parseKeyFile(value: unknown, path: string): KeyFile {
  const parsed = keyFileSchema.safeParse(value);
  if (!parsed.success) throw new AppError("keys.unreadable", { path });
  return parsed.data;
}

/** @throws {AppError} `keys.passphrase_wrong`: the passphrase, or a changed file, which cannot be told apart. */
export async function openKey(file: KeyFile, passphrase: string): Promise<PlainKey> {
  const key = await derive(passphrase, Buffer.from(file.kdf.salt, "base64"), file.kdf.n);
  const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(file.nonce, "base64"), { authTagLength: 16 });
  decipher.setAAD(boundTo(file));
  decipher.setAuthTag(Buffer.from(file.tag, "base64"));
  try {
    const secret = Buffer.concat([decipher.update(Buffer.from(file.sealed, "base64")), decipher.final()]);
    return { kind: file.kind, name: file.name, publicKey: file.publicKey, secret: secret.toString("utf8") };
  } catch (error) {
    throw new AppError("keys.passphrase_wrong", { name: file.name }, { cause: error });
  }
}

function boundTo(key: { kind: string; name: string; publicKey: string }): Buffer {
  return Buffer.from(JSON.stringify(["tms.key/1", key.kind, key.name, key.publicKey]), "utf8");
}

const scryptAsync = promisify<string, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(
  scrypt,
);

function derive(passphrase: string, salt: Buffer, n: number): Promise<Buffer> {
  return scryptAsync(passphrase, salt, 32, { N: n, r: SCRYPT_R, p: 1, maxmem: 256 * n * SCRYPT_R });
}

import { generateKeyPairSync } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@tms/records";
import { makeEd25519, publicSpkiOf } from "@tms/signing";
import ssh2 from "ssh2";
import { makeSshKey } from "../authority/make-ssh-key.ts";
import { readIfThere, writeDurably } from "../authority/private-file.ts";
import {
  type FreshKeys,
  type RenewableKeys,
  SIGNING_KEY_FILE,
  SSH_KEY_FILE,
  settleRenewal,
  TLS_KEY_FILE,
} from "./renewal-keys.ts";

/**
 * The keys of a lower party. They never leave it and serve one purpose each: TLS, SSH, signing of positions and
 * manifests (architecture, section 5). A renewal replaces those for TLS and SSH in this very object: whoever opens a
 * connection reads them then, and keeps no copy.
 */
export interface LowerKeys extends RenewableKeys {
  directory: string;
  /** `ssh-ed25519 …`, without comment. */
  sshPublicKey: string;
  /** Ed25519, PKCS8. */
  signingPrivatePem: string;
  signingPublicSpki: Buffer;
}

/** Opens the keys in `directory`, or makes them there on first use; files are 0600 in a 0700 directory. */
export async function createLowerKeys(directory: string): Promise<LowerKeys> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await settleRenewal(directory);
  const tlsPrivatePem = await openOrMake(join(directory, TLS_KEY_FILE), makeTlsKey);
  const sshPrivateKey = await openOrMake(join(directory, SSH_KEY_FILE), () => makeSshKey());
  const signingPrivatePem = await openOrMake(join(directory, SIGNING_KEY_FILE), () => makeEd25519().privatePkcs8Pem);
  return {
    directory,
    tlsPrivatePem,
    sshPrivateKey,
    sshPublicKey: publicSshText(sshPrivateKey),
    signingPrivatePem,
    signingPublicSpki: publicSpkiOf(signingPrivatePem),
  };
}

/** Fresh keys for a renewal. */
export function makeRenewableKeys(): RenewableKeys {
  return { tlsPrivatePem: makeTlsKey(), sshPrivateKey: makeSshKey() };
}

/** Keys that share nothing with those before. */
export function makeFreshKeys(): FreshKeys {
  return { ...makeRenewableKeys(), signingPrivatePem: makeEd25519().privatePkcs8Pem };
}

/** From here on these are the keys. */
export function adoptKeys(keys: LowerKeys, renewed: RenewableKeys & Partial<FreshKeys>): void {
  const { tlsPrivatePem, sshPrivateKey, signingPrivatePem = keys.signingPrivatePem } = renewed;
  Object.assign(keys, {
    tlsPrivatePem,
    sshPrivateKey,
    sshPublicKey: publicSshText(sshPrivateKey),
    signingPrivatePem,
    signingPublicSpki: publicSpkiOf(signingPrivatePem),
  });
}

async function openOrMake(path: string, make: () => string): Promise<string> {
  const known = await readIfThere(path);
  if (known !== null) return known;
  const made = make();
  await writeDurably(path, made);
  return made;
}

function makeTlsKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** The public half as OpenSSH writes it, without comment. */
export function publicSshText(privateKey: string): string {
  const parsed = ssh2.utils.parseKey(privateKey);
  if (parsed instanceof Error) throw new AppError("keys.unreadable", {}, { cause: parsed });
  return `ssh-ed25519 ${parsed.getPublicSSH().toString("base64")}`;
}

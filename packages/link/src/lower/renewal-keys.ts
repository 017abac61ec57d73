import { join } from "node:path";
import { readIfThere, writeDurably } from "../authority/private-file.ts";
import { spkiOfCertificate, spkiOfKey } from "../authority/spki.ts";
import type { Disk } from "../disk/disk.ts";
import { nodeDisk } from "../disk/node-disk.ts";

// The files of a lower party's keys, and how new ones come into force.
// I1  New keys are on disk, in `renewal.json` or `fresh-keys.json`, before anybody is asked to certify them.
// I2  `identity.json` alone says which keys are in force: those that its certificate is for. Its one rename is the change.
// I3  `tls-key.pem` and the others follow afterwards; a crash in between is made good at the next opening.

export const TLS_KEY_FILE = "tls-key.pem";
export const SSH_KEY_FILE = "ssh-key";
export const SIGNING_KEY_FILE = "signing-key.pem";
export const IDENTITY_FILE = "identity.json";
const RENEWAL_FILE = "renewal.json";
const FRESH_FILE = "fresh-keys.json";

/** The keys that a renewal replaces; the signing key stays, so that signed positions go on being verifiable. */
export interface RenewableKeys {
  /** P-256, PKCS8. */
  tlsPrivatePem: string;
  /** Ed25519, OpenSSH form. */
  sshPrivateKey: string;
}

/** Keys for a registration that shares nothing with the one before, its signing key included. */
export interface FreshKeys extends RenewableKeys {
  signingPrivatePem: string;
}

/** The keys that wait to be certified; made and stored if there are none. */
export async function openRenewalKeys(
  directory: string,
  make: () => RenewableKeys,
  disk: Disk = nodeDisk,
): Promise<RenewableKeys> {
  await settleRenewal(directory, disk);
  const waiting = await readKeys(join(directory, RENEWAL_FILE), disk);
  if (waiting !== null) return waiting;
  const made = make();
  await writeDurably(join(directory, RENEWAL_FILE), JSON.stringify(made), disk);
  return made;
}

/** Lets fresh keys wait for a registration (I1). */
export async function keepFreshKeys(directory: string, keys: FreshKeys): Promise<void> {
  await settleRenewal(directory);
  await writeDurably(join(directory, FRESH_FILE), JSON.stringify(keys));
}

/** Brings the key files in step with the certificate in force (I3); does nothing while new keys still wait. */
export async function settleRenewal(directory: string, disk: Disk = nodeDisk): Promise<void> {
  const identity = await readIfThere(join(directory, IDENTITY_FILE), disk);
  if (identity === null) return;
  const { certificatePem } = JSON.parse(identity) as { certificatePem: string };
  const inForce = spkiOfCertificate(certificatePem);
  for (const file of [RENEWAL_FILE, FRESH_FILE]) {
    const keys = await readKeys(join(directory, file), disk);
    if (keys === null || spkiOfKey(keys.tlsPrivatePem) !== inForce) continue;
    await writeDurably(join(directory, TLS_KEY_FILE), keys.tlsPrivatePem, disk);
    await writeDurably(join(directory, SSH_KEY_FILE), keys.sshPrivateKey, disk);
    const { signingPrivatePem } = keys;
    if (signingPrivatePem !== undefined) await writeDurably(join(directory, SIGNING_KEY_FILE), signingPrivatePem, disk);
    await remove(directory, file, disk);
  }
}

/** Forgets the waiting keys: the next renewal makes others. */
export function dropRenewalKeys(directory: string, disk: Disk = nodeDisk): Promise<void> {
  return remove(directory, RENEWAL_FILE, disk);
}

async function readKeys(path: string, disk: Disk): Promise<(RenewableKeys & Partial<FreshKeys>) | null> {
  const text = await readIfThere(path, disk);
  return text === null ? null : (JSON.parse(text) as RenewableKeys & Partial<FreshKeys>);
}

async function remove(directory: string, file: string, disk: Disk): Promise<void> {
  await disk.remove(join(directory, file));
  await disk.syncDirectory(directory);
}

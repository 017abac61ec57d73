import { join } from "node:path";
import { readIfThere, writeDurably } from "../authority/private-file.ts";
import { spkiOfCertificate, spkiOfKey } from "../authority/spki.ts";
import type { Disk } from "../disk/disk.ts";
import { nodeDisk } from "../disk/node-disk.ts";

// The files of a lower party's keys, and how new ones come into force.
// I1  New keys are on disk, in `renewal.json`, before anybody is asked to certify them.
// I2  `identity.json` alone says which keys are in force: those that its certificate is for. Its one rename is the change.
// I3  `tls-key.pem` and `ssh-key` follow afterwards; a crash in between is made good at the next opening.

export const TLS_KEY_FILE = "tls-key.pem";
export const SSH_KEY_FILE = "ssh-key";
export const IDENTITY_FILE = "identity.json";
const RENEWAL_FILE = "renewal.json";

/** The keys that a renewal replaces; the signing key stays, so that signed positions go on being verifiable. */
export interface RenewableKeys {
  /** P-256, PKCS8. */
  tlsPrivatePem: string;
  /** Ed25519, OpenSSH form. */
  sshPrivateKey: string;
}

/** The keys that wait to be certified; made and stored if there are none. */
export async function openRenewalKeys(
  directory: string,
  make: () => RenewableKeys,
  disk: Disk = nodeDisk,
): Promise<RenewableKeys> {
  await settleRenewal(directory, disk);
  const path = join(directory, RENEWAL_FILE);
  const waiting = await readIfThere(path, disk);
  if (waiting !== null) return JSON.parse(waiting) as RenewableKeys;
  const made = make();
  await writeDurably(path, JSON.stringify(made), disk);
  return made;
}

/** Brings the key files in step with the certificate in force (I3); does nothing while new keys still wait. */
export async function settleRenewal(directory: string, disk: Disk = nodeDisk): Promise<void> {
  const path = join(directory, RENEWAL_FILE);
  const [waiting, identity] = [await readIfThere(path, disk), await readIfThere(join(directory, IDENTITY_FILE), disk)];
  if (waiting === null || identity === null) return;
  const keys = JSON.parse(waiting) as RenewableKeys;
  const { certificatePem } = JSON.parse(identity) as { certificatePem: string };
  if (spkiOfCertificate(certificatePem) !== spkiOfKey(keys.tlsPrivatePem)) return;
  await writeDurably(join(directory, TLS_KEY_FILE), keys.tlsPrivatePem, disk);
  await writeDurably(join(directory, SSH_KEY_FILE), keys.sshPrivateKey, disk);
  await dropRenewalKeys(directory, disk);
}

/** Forgets the waiting keys: the next renewal makes others. */
export async function dropRenewalKeys(directory: string, disk: Disk = nodeDisk): Promise<void> {
  await disk.remove(join(directory, RENEWAL_FILE));
  await disk.syncDirectory(directory);
}

import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@tms/records";
import ssh2 from "ssh2";
import type { Disk } from "../disk/disk.ts";
import { nodeDisk } from "../disk/node-disk.ts";
import { makeSshKey } from "./make-ssh-key.ts";
import { readIfThere, writeDurably } from "./private-file.ts";
import { ROLL_FILES, readHostKeyRoll } from "./roll-record.ts";

export const HOST_KEY_FILE = "ssh-host-key";

export interface SshHostKey {
  /** Of the key that is shown. OpenSSH form, never leaves the host. */
  readonly privatePem: string;
  /** Of the key that is shown: `SHA256:` and base64 without padding, as OpenSSH shows it. */
  readonly fingerprint: string;
  /** Of all that may be met, the older one first: two while the key rolls over (roll-record.ts). */
  fingerprints(): string[];
  /** Whether a roll-over went on since the last look; what is in force then is what lies on the disk. */
  look(): Promise<"same" | "changed">;
}

/**
 * Opens the SSH host key in `directory`, or makes it there on first use (Ed25519, 0600).
 *
 * @throws {AppError} `start.config_invalid` for a file that is no key, `roll.record_unreadable`
 */
export async function createSshHostKey(directory: string): Promise<SshHostKey> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await settleHostKeyRoll(directory);
  const path = join(directory, HOST_KEY_FILE);
  if ((await readIfThere(path)) === null) await writeDurably(path, makeSshKey());
  let now = await readKeys(directory);
  return {
    get privatePem() {
      return now.shown;
    },
    get fingerprint() {
      return now.shownFingerprint;
    },
    fingerprints: () => now.fingerprints,
    async look() {
      const found = await readKeys(directory);
      const isSame = JSON.stringify(found) === JSON.stringify(now);
      now = found;
      return isSame ? "same" : "changed";
    },
  };
}

/** Puts a retired key's successor into the present one's file, and forgets the roll-over (R2 of roll-record.ts). */
export async function settleHostKeyRoll(directory: string, disk: Disk = nodeDisk): Promise<void> {
  const roll = await readHostKeyRoll(directory);
  if (roll?.phase !== "retired") return;
  await writeDurably(join(directory, HOST_KEY_FILE), roll.next.privatePem, disk);
  await disk.remove(join(directory, ROLL_FILES["ssh-host-key"]));
  await disk.syncDirectory(directory);
}

/** The present key of a directory that has one. @throws {AppError} `store.never_made` */
export async function readPresentHostKey(directory: string): Promise<string> {
  const path = join(directory, HOST_KEY_FILE);
  const privatePem = await readIfThere(path);
  if (privatePem === null) throw new AppError("store.never_made", { missing: path });
  return privatePem;
}

/** The fingerprint that the SSH server of this directory shows; reads alone. @throws {AppError} `store.never_made` */
export async function readShownHostKey(directory: string): Promise<string> {
  return (await readKeys(directory)).shownFingerprint;
}

/** @throws {AppError} `start.config_invalid` */
export function fingerprintOfKey(privatePem: string, path: string): string {
  const parsed = ssh2.utils.parseKey(privatePem);
  if (parsed instanceof Error) throw new AppError("start.config_invalid", { path }, { cause: parsed });
  return fingerprintOf(parsed.getPublicSSH());
}

/** OpenSSH's SHA-256 fingerprint of a public key blob. */
export function fingerprintOf(publicKeyBlob: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(publicKeyBlob).digest("base64").replace(/=+$/, "")}`;
}

interface Keys {
  shown: string;
  shownFingerprint: string;
  fingerprints: string[];
}

/** The record is read first and holds the next key itself: whatever step is taken meanwhile, each read is of one key. */
async function readKeys(directory: string): Promise<Keys> {
  const path = join(directory, HOST_KEY_FILE);
  const roll = await readHostKeyRoll(directory);
  const present = roll?.phase === "retired" ? roll.next.privatePem : await readPresentHostKey(directory);
  const next = roll === null || roll.next.privatePem === present ? null : roll.next.privatePem;
  const shown = roll?.phase === "switched" && next !== null ? next : present;
  return {
    shown,
    shownFingerprint: fingerprintOfKey(shown, path),
    fingerprints: [present, ...(next === null ? [] : [next])].map((privatePem) => fingerprintOfKey(privatePem, path)),
  };
}

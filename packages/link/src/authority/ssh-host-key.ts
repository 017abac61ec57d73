import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@tms/records";
import ssh2 from "ssh2";
import { makeSshKey } from "./make-ssh-key.ts";
import { readIfThere, writeDurably } from "./private-file.ts";

export interface SshHostKey {
  /** OpenSSH form, never leaves the host. */
  privatePem: string;
  /** `SHA256:` and base64 without padding, as OpenSSH shows it. */
  fingerprint: string;
}

/** Opens the SSH host key in `directory`, or makes it there on first use (Ed25519, 0600). */
export async function createSshHostKey(directory: string): Promise<SshHostKey> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, "ssh-host-key");
  let privatePem = await readIfThere(path);
  if (privatePem === null) {
    privatePem = makeSshKey();
    await writeDurably(path, privatePem);
  }
  const parsed = ssh2.utils.parseKey(privatePem);
  if (parsed instanceof Error) throw new AppError("start.config_invalid", { path }, { cause: parsed });
  return { privatePem, fingerprint: fingerprintOf(parsed.getPublicSSH()) };
}

/** OpenSSH's SHA-256 fingerprint of a public key blob. */
export function fingerprintOf(publicKeyBlob: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(publicKeyBlob).digest("base64").replace(/=+$/, "")}`;
}

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeDurably } from "@tms/link";
import { makeEd25519, publicSpkiOf } from "@tms/signing";

export interface ConsentKey {
  privatePem: string;
  /** SPKI, DER: what enrolment tokens carry and agents pin. */
  publicSpki: Buffer;
}

/** Opens this site's consent key, or makes it at the first start; 0600, and never replaced while agents pin it. */
export async function openConsentKey(directory: string): Promise<ConsentKey> {
  const path = join(directory, "consent-key.pem");
  const privatePem = (await readIfThere(path)) ?? (await make(path));
  return { privatePem, publicSpki: publicSpkiOf(privatePem) };
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    // Absent is the first start; anything else must not lead to a second key.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

async function make(path: string): Promise<string> {
  const { privatePkcs8Pem } = makeEd25519();
  await writeDurably(path, privatePkcs8Pem);
  return privatePkcs8Pem;
}

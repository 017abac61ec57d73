import { join } from "node:path";
import { makeEd25519, publicSpkiOf, type SignedBytes, sealBytes } from "@tms/signing";
import type { Authority } from "./authority.ts";
import { readIfThere, writeDurably } from "./private-file.ts";

/** File in the data directory; PKCS#8 PEM, Ed25519. */
export const STATEMENT_KEY_FILE = "statement-key";

export interface StatementSigner {
  /** Certificates in PEM: of the key, then of the CA. */
  sign(bytes: Uint8Array): Promise<{ signed: SignedBytes; certificates: [string, string] }>;
}

/**
 * Signs what an upper party states to people, with a key that serves this alone. The CA certifies the key with each
 * statement, so whoever pinned the CA can judge it, and a lost key costs nothing but its name: the next one is
 * certified the same way.
 */
export async function createStatementSigner(directory: string, authority: Authority): Promise<StatementSigner> {
  const path = join(directory, STATEMENT_KEY_FILE);
  const kept = await readIfThere(path);
  const keyPem = kept ?? makeEd25519().privatePkcs8Pem;
  if (kept === null) await writeDurably(path, keyPem);
  const publicSpki = publicSpkiOf(keyPem);
  return {
    async sign(bytes) {
      const certPem = await authority.issueSigner({ publicSpki });
      return { signed: sealBytes(keyPem, bytes), certificates: [certPem, authority.certifying.caPem] };
    },
  };
}

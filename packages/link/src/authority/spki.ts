import { createHash, createPublicKey, X509Certificate } from "node:crypto";
import type { Sha256 } from "@tms/records";

/** SHA-256 of a certificate's SubjectPublicKeyInfo: the name that a key has in pins and in the products table. */
export function spkiOfCertificate(certificate: X509Certificate | string | Buffer): Sha256 {
  const parsed = certificate instanceof X509Certificate ? certificate : new X509Certificate(certificate);
  return hashOfSpki(parsed.publicKey.export({ type: "spki", format: "der" }));
}

export function hashOfSpki(spkiDer: Uint8Array): Sha256 {
  return createHash("sha256").update(spkiDer).digest("hex") as Sha256;
}

/** SPKI hash of a private or public key in PEM. */
export function spkiOfKey(pem: string): Sha256 {
  return hashOfSpki(createPublicKey(pem).export({ type: "spki", format: "der" }));
}

/** The certificates of a bundle, each in PEM. */
export function certificatesIn(bundle: string): string[] {
  return bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

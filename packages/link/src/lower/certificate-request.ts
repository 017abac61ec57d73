import "reflect-metadata";
import { createPublicKey, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

const P256 = { name: "ECDSA", namedCurve: "P-256" } as const;

/** A PKCS #10 request for the TLS key; the subject says nothing, because the upper party decides the name. */
export async function makeCertificateRequest(tlsPrivatePem: string): Promise<string> {
  const der = Buffer.from(tlsPrivatePem.replace(/-----[^-]+-----|\s/g, ""), "base64");
  const spki = createPublicKey(tlsPrivatePem).export({ type: "spki", format: "der" });
  const keys = {
    privateKey: await webcrypto.subtle.importKey("pkcs8", der, P256, false, ["sign"]),
    publicKey: await webcrypto.subtle.importKey("spki", spki, P256, true, ["verify"]),
  };
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: ["lower party"] }],
    keys,
    signingAlgorithm: { ...P256, hash: "SHA-256" },
  });
  return `${request.toString("pem")}\n`;
}

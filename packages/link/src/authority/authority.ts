import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { STATEMENTS_URI } from "@tms/contracts";
import { AppError, type Clock, type CustomerId, type ProductId, type Sha256 } from "@tms/records";
import { readIfThere, writeDurably } from "./private-file.ts";
import { hashOfSpki, spkiOfCertificate } from "./spki.ts";

// The certificate authority of an upper party: it certifies servers and the keys of registered products.
// CA and server certificates are P-256, because Chromium refuses an Ed25519 server certificate.

const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
const SERVER_DAYS = 397;
const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export interface IssuedClient {
  certPem: string;
  /** SHA-256 of the certified key: the product's identity from now on. */
  spki: Sha256;
  serial: string;
  notAfter: Date;
}

/** How long before and after a statement its key's certificate is valid. */
const SIGNER_DAYS = 1;

export interface Authority {
  caPem: string;
  /** What connection details and enrolment tokens pin. */
  spkiPin: Sha256;
  /** Makes a key and a certificate for a listener; `certPem` holds the CA behind it, so that a pin can be checked. */
  issueServer(request: { hosts: readonly string[] }): Promise<{ keyPem: string; certPem: string }>;
  /** @throws {AppError} `link.csr_invalid` */
  issueClient(request: {
    csrPem: string;
    customer: CustomerId;
    product: ProductId;
    days: number;
  }): Promise<IssuedClient>;
  /** Certifies an Ed25519 key for signing this party's statements, for a day; PEM. */
  issueSigner(request: { publicSpki: Uint8Array }): Promise<string>;
}

/** Opens the authority in `directory`, or makes it there on first use. The key file is 0600. */
export async function createAuthority(options: { directory: string; name: string; clock: Clock }): Promise<Authority> {
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const { keyPem, caPem } = await openOrMake(options);
  const key = await importPrivateKey(keyPem);
  const certificate = new x509.X509Certificate(caPem);
  return {
    caPem,
    spkiPin: spkiOfCertificate(caPem),
    issueServer: (request) => issueServer({ ...request, key, certificate, caPem, clock: options.clock }),
    issueClient: (request) => issueClient({ ...request, key, certificate, clock: options.clock }),
    issueSigner: (request) => issueSigner({ ...request, key, certificate, clock: options.clock }),
  };
}

/** The SAN URI that names customer and product in a client certificate. */
export function productUri(customer: CustomerId, product: ProductId): string {
  return `urn:tms:customer:${customer}:product:${product}`;
}

async function openOrMake(options: { directory: string; name: string; clock: Clock }) {
  const keyPath = join(options.directory, "ca-key.pem");
  const certificatePath = join(options.directory, "ca.pem");
  const [keyPem, caPem] = [await readIfThere(keyPath), await readIfThere(certificatePath)];
  if (keyPem !== null && caPem !== null) return { keyPem, caPem };
  const keys = await makeKeys();
  const now = options.clock.now();
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [options.name] }],
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: new Date(now.getTime() + CA_DAYS * DAY_MS),
    signingAlgorithm: P256,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pem = await exportPrivateKey(keys.privateKey);
  await writeDurably(keyPath, pem);
  await writeDurably(certificatePath, `${made.toString("pem")}\n`);
  return { keyPem: pem, caPem: `${made.toString("pem")}\n` };
}

interface Issuer {
  key: webcrypto.CryptoKey;
  certificate: x509.X509Certificate;
  clock: Clock;
}

async function issueServer(request: Issuer & { hosts: readonly string[]; caPem: string }) {
  const keys = await makeKeys();
  const now = request.clock.now();
  const names = request.hosts.map((host) => ({ type: isIP(host) ? ("ip" as const) : ("dns" as const), value: host }));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [request.hosts[0] ?? "localhost"] }],
    issuer: request.certificate.subject,
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: new Date(now.getTime() + SERVER_DAYS * DAY_MS),
    signingAlgorithm: P256,
    publicKey: keys.publicKey,
    signingKey: request.key,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.AuthorityKeyIdentifierExtension.create(request.certificate.publicKey),
    ],
  });
  return {
    keyPem: await exportPrivateKey(keys.privateKey),
    certPem: `${certificate.toString("pem")}\n${request.caPem}`,
  };
}

async function issueClient(
  request: Issuer & { csrPem: string; customer: CustomerId; product: ProductId; days: number },
): Promise<IssuedClient> {
  const asked = await readRequest(request.csrPem);
  const now = request.clock.now();
  // X.509 keeps whole seconds; the table must hold the same instant.
  const notAfter = new Date(Math.floor((now.getTime() + request.days * DAY_MS) / 1000) * 1000);
  const serial = newSerial();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    subject: [{ CN: [request.product] }],
    issuer: request.certificate.subject,
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter,
    signingAlgorithm: P256,
    publicKey: asked.publicKey,
    signingKey: request.key,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: "url", value: productUri(request.customer, request.product) }]),
      await x509.AuthorityKeyIdentifierExtension.create(request.certificate.publicKey),
    ],
  });
  const spki = hashOfSpki(new Uint8Array(asked.publicKey.rawData));
  return { certPem: `${certificate.toString("pem")}\n`, spki, serial, notAfter };
}

async function issueSigner(request: Issuer & { publicSpki: Uint8Array }): Promise<string> {
  const now = request.clock.now();
  const publicKey = await webcrypto.subtle.importKey("spki", request.publicSpki, "Ed25519", true, ["verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: ["statements"] }],
    issuer: request.certificate.subject,
    notBefore: new Date(now.getTime() - SIGNER_DAYS * DAY_MS),
    notAfter: new Date(now.getTime() + SIGNER_DAYS * DAY_MS),
    signingAlgorithm: P256,
    publicKey,
    signingKey: request.key,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.SubjectAlternativeNameExtension([{ type: "url", value: STATEMENTS_URI }]),
      await x509.AuthorityKeyIdentifierExtension.create(request.certificate.publicKey),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}

async function readRequest(csrPem: string): Promise<x509.Pkcs10CertificateRequest> {
  let valid = false;
  try {
    const request = new x509.Pkcs10CertificateRequest(csrPem);
    valid = await request.verify();
    if (valid) return request;
  } catch (error) {
    throw new AppError("link.csr_invalid", {}, { cause: error });
  }
  throw new AppError("link.csr_invalid", { valid });
}

function newSerial(): string {
  const bytes = randomBytes(16);
  // A set top bit would make the number negative, which OpenSSL refuses.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString("hex");
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(P256, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>;
}

async function exportPrivateKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}

async function importPrivateKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
  return webcrypto.subtle.importKey("pkcs8", der, P256, true, ["sign"]);
}

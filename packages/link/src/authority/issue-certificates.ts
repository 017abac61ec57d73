import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";
import { STATEMENTS_URI } from "@tms/contracts";
import { AppError, type Clock, type CustomerId, type ProductId, type Sha256 } from "@tms/records";
import { hashOfSpki } from "./spki.ts";

// Every kind of certificate that an upper party makes.
// CA and server certificates are P-256, because Chromium refuses an Ed25519 server certificate.

const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
const SERVER_DAYS = 397;
/** How long before and after a statement its key's certificate is valid. */
const SIGNER_DAYS = 1;
const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export interface IssuedClient {
  certPem: string;
  /** SHA-256 of the certified key: the product's identity from now on. */
  spki: Sha256;
  serial: string;
  notAfter: Date;
}

/** A CA with its key. */
export interface CaPair {
  keyPem: string;
  caPem: string;
}

export interface Issuer {
  key: webcrypto.CryptoKey;
  certificate: x509.X509Certificate;
  clock: Clock;
}

/** Makes a CA. @param name Its common name, or the whole subject of the CA that it is to follow. */
export async function makeCa(name: { commonName: string } | { subject: string }, clock: Clock): Promise<CaPair> {
  const keys = await makeKeys();
  const now = clock.now();
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: "subject" in name ? name.subject : [{ CN: [name.commonName] }],
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: new Date(now.getTime() + CA_DAYS * DAY_MS),
    signingAlgorithm: P256,
    keys,
    extensions: await caExtensions(keys.publicKey),
  });
  return { keyPem: await exportPrivateKey(keys.privateKey), caPem: pemOf(made) };
}

/** Makes the CA that follows `before`, and its certificate by that one. */
export async function makeNextCa(before: CaPair, clock: Clock): Promise<CaPair & { crossPem: string }> {
  const issuer = await openIssuer(before, clock);
  // Of the same name: our CAs allow no CA below them, and a certificate from a name to the same name is not below
  // (RFC 5280, 6.1.4 l). Key identifiers tell the two apart.
  const next = await makeCa({ subject: issuer.certificate.subject }, clock);
  const certificate = new x509.X509Certificate(next.caPem);
  const cross = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: certificate.subject,
    issuer: issuer.certificate.subject,
    notBefore: certificate.notBefore,
    notAfter: earlier(certificate.notAfter, issuer.certificate.notAfter),
    signingAlgorithm: P256,
    publicKey: certificate.publicKey,
    signingKey: issuer.key,
    extensions: [
      ...(await caExtensions(certificate.publicKey)),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.certificate.publicKey),
    ],
  });
  return { ...next, crossPem: pemOf(cross) };
}

export async function openIssuer({ keyPem, caPem }: CaPair, clock: Clock): Promise<Issuer> {
  return { key: await importPrivateKey(keyPem), certificate: new x509.X509Certificate(caPem), clock };
}

/** The SAN URI that names customer and product in a client certificate. */
export function productUri(customer: CustomerId, product: ProductId): string {
  return `urn:tms:customer:${customer}:product:${product}`;
}

async function caExtensions(publicKey: x509.PublicKeyType): Promise<x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, 0, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ];
}

function earlier(one: Date, other: Date): Date {
  return one < other ? one : other;
}

function pemOf(certificate: x509.X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}

/** @param request `chainPem` goes behind the certificate. */
export async function issueServer(
  request: Issuer & { hosts: readonly string[]; chainPem: string },
): Promise<{ keyPem: string; certPem: string }> {
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
    certPem: `${certificate.toString("pem")}\n${request.chainPem}`,
  };
}

/** @throws {AppError} `link.csr_invalid` */
export async function issueClient(
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

/** Certifies an Ed25519 key for statements, for a day; PEM. */
export async function issueSigner(request: Issuer & { publicSpki: Uint8Array }): Promise<string> {
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

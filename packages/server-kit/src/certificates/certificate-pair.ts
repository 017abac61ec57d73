import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { AppError } from "@tms/records";

/** A certificate (its chain behind it in `certPem`) and its key, proved to belong together. */
export interface CertificatePair {
  certPem: string;
  keyPem: string;
  leaf: X509Certificate;
  notBefore: Date;
  notAfter: Date;
}

const DAY_MS = 86_400_000;
/** A chain is a few kilobytes; anything longer is the wrong file. */
const MAX_PEM_BYTES = 1_000_000;

/** Whole days before the end at which people are told, most urgent first. */
const STAGES = [1, 7, 30] as const;
export type EndingStage = "ended" | (typeof STAGES)[number];

/** @throws {AppError} `certificate.unreadable`, `certificate.pair_mismatch`. */
export async function readCertificatePair(files: { certFile: string; keyFile: string }): Promise<CertificatePair> {
  const [certPem, keyPem] = await Promise.all([readPem(files.certFile), readPem(files.keyFile)]);
  return parseCertificatePair({ certPem, keyPem }, files);
}

/**
 * @param from Named in the failure; never the contents.
 * @throws {AppError} `certificate.unreadable`, `certificate.pair_mismatch`.
 */
export function parseCertificatePair(
  pem: { certPem: string; keyPem: string },
  from: { certFile: string; keyFile: string },
): CertificatePair {
  const leaf = parse(() => new X509Certificate(pem.certPem), from.certFile);
  const key: KeyObject = parse(() => createPrivateKey(pem.keyPem), from.keyFile);
  if (!leaf.checkPrivateKey(key)) throw new AppError("certificate.pair_mismatch", { ...from });
  return { ...pem, leaf, notBefore: new Date(leaf.validFrom), notAfter: new Date(leaf.validTo) };
}

/**
 * Refuses a pair that browsers would refuse.
 *
 * @param at `name`: what people type; null demands none.
 * @throws {AppError} `certificate.expired`, `certificate.not_yet_valid`, `certificate.name_missing`.
 */
export function demandServable(pair: CertificatePair, at: { now: Date; name: string | null }): void {
  if (at.now >= pair.notAfter) throw new AppError("certificate.expired", { endedAt: pair.notAfter.toISOString() });
  if (at.now < pair.notBefore) {
    throw new AppError("certificate.not_yet_valid", { beginsAt: pair.notBefore.toISOString() });
  }
  if (at.name !== null && !holdsName(pair.leaf, at.name)) {
    throw new AppError("certificate.name_missing", { name: at.name, names: pair.leaf.subjectAltName ?? "none" });
  }
}

/** Whole days until the end; negative after it. */
export function daysLeft(notAfter: Date, now: Date): number {
  return Math.floor((notAfter.getTime() - now.getTime()) / DAY_MS);
}

/** The most urgent stage that is reached; null while there is time. */
export function endingStage(notAfter: Date, now: Date): EndingStage | null {
  const leftMs = notAfter.getTime() - now.getTime();
  if (leftMs <= 0) return "ended";
  return STAGES.find((days) => leftMs <= days * DAY_MS) ?? null;
}

function holdsName(leaf: X509Certificate, name: string): boolean {
  // Browsers read the alternative names alone.
  const found = isIP(name) === 0 ? leaf.checkHost(name, { subject: "never" }) : leaf.checkIP(name);
  return found !== undefined;
}

async function readPem(file: string): Promise<string> {
  try {
    const text = await readFile(file, "utf8");
    if (text.length > MAX_PEM_BYTES) throw new RangeError("longer than a chain");
    return text;
  } catch (error) {
    throw unreadable(file, error);
  }
}

function parse<T>(work: () => T, file: string): T {
  try {
    return work();
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): AppError {
  return new AppError("certificate.unreadable", { file, reason: (error as { code?: string }).code }, { cause: error });
}

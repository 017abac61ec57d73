import { X509Certificate } from "node:crypto";
import type { TrustAnnouncement, TrustReport } from "@tms/contracts/link";
import type { Sha256 } from "@tms/records";
import { certificatesIn, spkiOfCertificate } from "../authority/spki.ts";
import type { StoredIdentity } from "./register-lower.ts";

// What a lower party trusts its upper party by, and what an announcement may make of it. Pure.
// T1  An announcement came over a connection that what is trusted now has vouched for. That is not enough: whoever holds a
//     server's key, and not the CA's, can speak there. Another CA is trusted only if one that is trusted signed its key.
// T2  Nothing is taken of an announcement that is not whole.
// T3  A CA that is no longer announced is not dropped here: it goes once a connection under the others has come about.
// T4  SSH host keys are taken as they are announced: they are vouched for by the connection alone, and whatever is wrong
//     with them is put right by the next heartbeat, which needs none of them.

export const MAX_AUTHORITIES = 4;
const MAX_HOST_KEYS = 8;
const HOST_KEY = /^SHA256:[0-9A-Za-z+/]{43}$/;

/** The trusted part of an identity; an upper party without SSH has no host keys. */
export type Trusted = Pick<StoredIdentity, "caPem" | "sshHostKeys">;

export type TrustJudgement =
  | { kind: "same" }
  | { kind: "refused"; reason: string }
  | {
      kind: "changed";
      /** What is trusted at once: nothing less than before, as far as CAs go. */
      widened: Trusted;
      /** The announced CAs alone; null if no other is trusted. */
      narrowedCaPem: string | null;
    };

/** What is reported in each heartbeat. */
export function trustOf({ caPem, sshHostKeys }: Trusted): TrustReport {
  return { caPins: certificatesIn(caPem).map((pem) => spkiOfCertificate(pem)), sshHostKeys: [...sshHostKeys] };
}

/** Judges an announcement that a heartbeat brought. */
export function judgeTrust(trusted: Trusted, announced: TrustAnnouncement): TrustJudgement {
  const { authorities, sshHostKeys } = announced;
  const isBounded = authorities.length > 0 && authorities.length <= MAX_AUTHORITIES;
  if (!isBounded) return { kind: "refused", reason: `${authorities.length} authorities` };
  const problem = problemOfHostKeys(trusted, sshHostKeys);
  if (problem !== null) return { kind: "refused", reason: problem };
  const known = new Map(certificatesIn(trusted.caPem).map((pem) => [spkiOfCertificate(pem), new X509Certificate(pem)]));
  const listed = new Map<Sha256, X509Certificate>();
  for (const one of authorities) {
    const judged = judgeAuthority(one, [...known.values()]);
    if (typeof judged === "string") return { kind: "refused", reason: judged };
    listed.set(judged.pin, known.get(judged.pin) ?? judged.certificate);
  }
  const all = new Map([...known, ...listed]);
  if (all.size > MAX_AUTHORITIES) return { kind: "refused", reason: `${all.size} authorities` };
  const isNarrower = listed.size < all.size;
  const isSame = all.size === known.size && !isNarrower && hasSame(trusted.sshHostKeys, sshHostKeys);
  if (isSame) return { kind: "same" };
  return {
    kind: "changed",
    widened: { caPem: bundleOf(all), sshHostKeys: [...sshHostKeys] },
    narrowedCaPem: isNarrower ? bundleOf(listed) : null,
  };
}

function judgeAuthority(
  { certificate, crossSigned }: TrustAnnouncement["authorities"][number],
  known: readonly X509Certificate[],
): { pin: Sha256; certificate: X509Certificate } | string {
  const self = parsed(certificate);
  if (self === null || !self.ca || !self.verify(self.publicKey)) return "a certificate that is no CA's";
  const pin = spkiOfCertificate(self);
  if (known.some((one) => spkiOfCertificate(one) === pin)) return { pin, certificate: self };
  const cross = crossSigned === undefined ? null : parsed(crossSigned);
  const isVouchedFor =
    cross?.ca === true &&
    spkiOfCertificate(cross) === pin &&
    known.some((one) => cross.checkIssued(one) && cross.verify(one.publicKey));
  return isVouchedFor ? { pin, certificate: self } : `nothing trusted has signed ${pin}`;
}

function parsed(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    // Whatever came instead of a certificate is refused with the announcement that held it.
    return null;
  }
}

function problemOfHostKeys(trusted: Trusted, announced: readonly string[]): string | null {
  if (announced.length > MAX_HOST_KEYS) return `${announced.length} host keys`;
  if (announced.some((one) => !HOST_KEY.test(one))) return "a host key that is no fingerprint";
  // An empty list means "any" where SSH is dialled.
  return announced.length === 0 && trusted.sshHostKeys.length > 0 ? "no host key" : null;
}

function hasSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && others.every((one) => some.includes(one));
}

function bundleOf(certificates: ReadonlyMap<Sha256, X509Certificate>): string {
  return [...certificates.values()].map((one) => one.toString()).join("");
}

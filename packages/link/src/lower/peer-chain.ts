import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate } from "node:tls";

const MAX_CHAIN = 8;

/** The certificates that a TLS peer showed, leaf first; nothing is believed here. Bounded, whatever the peer sends. */
export function chainOf(leaf: DetailedPeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let at: DetailedPeerCertificate | undefined = leaf;
  while (at?.raw !== undefined && chain.length < MAX_CHAIN) {
    chain.push(new X509Certificate(at.raw));
    at = at.issuerCertificate === at ? undefined : at.issuerCertificate;
  }
  return chain;
}

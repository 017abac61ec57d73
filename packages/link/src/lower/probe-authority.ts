import type { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect as connectTls } from "node:tls";
import { AppError, type Sha256 } from "@tms/records";
import { spkiOfCertificate } from "../authority/spki.ts";
import type { Address } from "./dial/address.ts";
import { type Dial, dialDirectly } from "./dial/dial.ts";
import { blameProxy } from "./dial/open-tunnel.ts";
import { chainOf } from "./peer-chain.ts";
import { handshakeError } from "./tls-client.ts";

export interface ProbedAuthority {
  /** The CA to trust from here on. */
  caPem: string;
  spki: Sha256;
  /** false = nobody told us the pin beforehand; a person must confirm the fingerprint. */
  pinned: boolean;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * Looks at the chain a server presents and picks the CA that the pins name. Nothing is believed here: the caller
 * connects again trusting this CA alone, so that OpenSSL checks signatures, times and names.
 *
 * @param pins SPKI pins; empty = unpinned, the chain's last certificate is reported for a person to confirm.
 * @throws {AppError} `link.pin_mismatch`, naming the issuer that was found (a proxy's, for instance).
 */
export async function probeAuthority(
  to: Address,
  pins: readonly Sha256[],
  options: { signal?: AbortSignal | undefined; dial?: Dial | undefined } = {},
): Promise<ProbedAuthority> {
  const { dial = dialDirectly, signal } = options;
  const tunnel = await dial(to, { signal });
  const secure = connectTls({ socket: tunnel.socket, host: to.host, rejectUnauthorized: false });
  try {
    const limit = AbortSignal.timeout(HANDSHAKE_TIMEOUT_MS);
    await once(secure, "secureConnect", { signal: signal ? AbortSignal.any([limit, signal]) : limit });
    return choose(chainOf(secure.getPeerCertificate(true)), pins, to);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw blameProxy(tunnel, handshakeError(error, to));
  } finally {
    secure.destroy();
  }
}

function choose(chain: X509Certificate[], pins: readonly Sha256[], to: Address): ProbedAuthority {
  const last = chain.at(-1);
  if (last === undefined) throw new AppError("link.unreachable", { ...to, reason: "no certificate" });
  const found = pins.length === 0 ? last : chain.find((one) => one.ca && pins.includes(spkiOfCertificate(one)));
  if (found === undefined) {
    throw new AppError("link.pin_mismatch", {
      ...to,
      issuer: last.issuer.slice(0, 200),
      spki: spkiOfCertificate(last),
    });
  }
  return { caPem: `${found.toString()}`, spki: spkiOfCertificate(found), pinned: pins.length > 0 };
}

import { once } from "node:events";
import { type ConnectionOptions, checkServerIdentity, connect as connectTls, type TLSSocket } from "node:tls";
import { AppError } from "@tms/records";
import { Agent } from "undici";
import type { Address } from "./dial/address.ts";
import { type Dial, type DialOptions, dialDirectly } from "./dial/dial.ts";
import { blameProxy } from "./dial/open-tunnel.ts";

/** What a lower party trusts and shows: these CAs and nothing else. */
export interface TlsTrust {
  /** One or several. */
  caPem: string;
  certificatePem?: string | undefined;
  privateKeyPem?: string | undefined;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;

/** @throws {AppError} `link.pin_mismatch` if the server's chain does not end in the trusted CA, or what dialling throws. */
export async function dialTls(
  to: Address,
  trust: TlsTrust,
  options: DialOptions & { dial?: Dial } = {},
): Promise<TLSSocket> {
  const { dial = dialDirectly, ...how } = options;
  const tunnel = await dial(to, how);
  const secure = connectTls({
    socket: tunnel.socket,
    host: to.host,
    ca: trust.caPem,
    // A pin may name a CA that is met as certified by the one before it: each of ours is trusted by itself.
    allowPartialTrustChain: true,
    minVersion: "TLSv1.3",
    checkServerIdentity,
    ...clientCertificate(trust),
    ...serverName(to.host),
  });
  const signal = AbortSignal.any([
    AbortSignal.timeout(HANDSHAKE_TIMEOUT_MS),
    ...(options.signal ? [options.signal] : []),
  ]);
  try {
    await once(secure, "secureConnect", { signal });
  } catch (error) {
    secure.destroy();
    throw blameProxy(tunnel, handshakeError(error, to));
  }
  secure.setNoDelay(true);
  return secure;
}

/** An undici agent that dials by `dial` and trusts only `trust`. */
export function createTlsAgent(
  trust: TlsTrust,
  options: { connections?: number; dial?: Dial; urgent?: boolean } = {},
): Agent {
  const { dial = dialDirectly, urgent = false } = options;
  return new Agent({
    connections: options.connections ?? 4,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    // The caller bounds each request by its own signal; a long poll is silent for longer than undici's defaults.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (asked, callback) => {
      const to = { host: asked.hostname, port: Number(asked.port || 443) };
      dialTls(to, trust, { dial, urgent }).then(
        (socket) => callback(null, socket),
        (error: Error) => callback(error, null),
      );
    },
  });
}

function clientCertificate(trust: TlsTrust): ConnectionOptions {
  if (trust.certificatePem === undefined || trust.privateKeyPem === undefined) return {};
  return { cert: trust.certificatePem, key: trust.privateKeyPem };
}

/** SNI takes names only; an address in it is an error by RFC 6066. */
function serverName(host: string): ConnectionOptions {
  return /^[0-9.]+$|:/.test(host) ? {} : { servername: host };
}

/** Node's codes for "this chain is not trusted"; each means another server than the one we were told of. */
const TRUST_CODES = new Set([
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_SIGNATURE_FAILURE",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

/** OpenSSL's codes for bytes that are no TLS record, or none of a version we take. */
const NOT_TLS =
  /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNSUPPORTED_PROTOCOL|TLSV1_ALERT_PROTOCOL_VERSION|HTTP_REQUEST|BAD_PACKET)/;

/** What a failed TLS handshake says of the other side. */
export function handshakeError(error: unknown, to: Address): AppError {
  const cause = (error as { cause?: unknown }).cause ?? error;
  const code = (cause as { code?: string }).code ?? "";
  const name = (error as Error).name;
  if (NOT_TLS.test(code)) return new AppError("link.protocol_wrong", { ...to, reason: code }, { cause: error });
  if (TRUST_CODES.has(code)) return new AppError("link.pin_mismatch", { ...to, reason: code }, { cause: error });
  if (name === "AbortError" || name === "TimeoutError")
    return new AppError("link.timeout", { ...to }, { cause: error });
  return new AppError("link.unreachable", { ...to, reason: code }, { cause: error });
}

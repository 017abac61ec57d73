import { RENEW_GRACE_DAYS } from "@tms/contracts/link";
import {
  AppError,
  assertNever,
  type CustomerId,
  type CustomerScope,
  type EndpointId,
  type ProductId,
  type Registration,
  type Sha256,
} from "@tms/records";

/** A lower party that proved its key. */
export interface Peer {
  customer: CustomerId;
  product: ProductId;
  /** Set for agents. */
  endpoint: EndpointId | null;
  kind: "mitigator" | "agent" | "foreign";
  /** SPKI, DER, of the Ed25519 key that signs positions and manifests. */
  signingKeySpki: Buffer;
  /** Logs are still taken from an expired customer; patterns and reports are not given. */
  customerExpired: boolean;
}

export type PeerLookup =
  | { kind: "unknown" }
  | {
      kind: "known";
      peer: Peer;
      registration: Registration;
      certificateNotAfter: Date;
      /** Two installations proved to hold this identity: neither is served until it is registered anew. */
      isCloned: boolean;
    };

/** Who a key belongs to. The app answers from its products table, cached at most 10 s. */
export interface IdentitySource {
  bySpki(spki: Sha256): Promise<PeerLookup>;
  bySshKey(user: string, publicKeyBlob: Buffer): Promise<PeerLookup>;
  /** Asked once for each request, frame and rename of a peer; absent = as often as it likes. @throws {AppError} `limit.*` */
  admitRequest?(peer: Peer): Promise<void>;
  /**
   * Calls back when the look-up of a product's keys may answer otherwise than before (null = of any): whoever holds a
   * connection or a long poll open looks again. What it returns ends that.
   */
  onChange(listener: (product: ProductId | null) => void): () => void;
}

/** Checks user name and password in constant time, throttled by address. @throws {AppError} `link.credentials_*` */
export interface CredentialCheck {
  check(userName: string, password: string, fromAddress: string): Promise<CustomerScope>;
}

/**
 * Turns what the table knows into a peer, or into the refusal that a lower party can act on.
 *
 * @throws {AppError} `link.identity_unknown`, `link.identity_revoked`, `link.identity_clone`, `link.identity_expired`
 */
export function admit(lookup: PeerLookup, now: Date): Peer {
  if (lookup.kind === "unknown") throw new AppError("link.identity_unknown");
  const { registration, peer } = lookup;
  switch (registration) {
    case "revoked":
    case "unregistered":
      throw new AppError("link.identity_revoked", { product: peer.product });
    case "may-only-renew":
      refuseClone(lookup);
      throw new AppError("link.identity_expired", { product: peer.product });
    case "registered":
    case "unconfirmed":
      refuseClone(lookup);
      if (now >= lookup.certificateNotAfter) throw new AppError("link.identity_expired", { product: peer.product });
      return peer;
    default:
      return assertNever(registration);
  }
}

const DAY_MS = 86_400_000;

function refuseClone({ isCloned, peer }: Extract<PeerLookup, { kind: "known" }>): void {
  if (isCloned) throw new AppError("link.identity_clone", { product: peer.product });
}

/**
 * The same for a renewal: an expired certificate is admitted too, for `RENEW_GRACE_DAYS` and while the registration
 * stands. Whoever removed the product ended that as well.
 *
 * @throws {AppError} `link.identity_unknown`, `link.identity_revoked`, `link.identity_clone`, `link.identity_expired`
 */
export function admitToRenew(lookup: PeerLookup, now: Date): Peer {
  if (lookup.kind === "unknown" || lookup.registration === "revoked" || lookup.registration === "unregistered") {
    return admit(lookup, now);
  }
  refuseClone(lookup);
  const end = lookup.certificateNotAfter.getTime() + RENEW_GRACE_DAYS * DAY_MS;
  if (now.getTime() >= end) throw new AppError("link.identity_expired", { product: lookup.peer.product });
  return lookup.peer;
}

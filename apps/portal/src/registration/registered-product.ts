import type { CustomerId, ProductId, Registration, Sha256 } from "@tms/records";

export type ProductKind = "mitigator" | "agent" | "foreign";

/** A product as it was registered: its own words, and the keys that it is known by. */
export interface RegisteredProduct {
  customer: CustomerId;
  id: ProductId;
  kind: ProductKind;
  name: string;
  host: string;
  version: string;
  address: string;
  email: string | null;
  instanceId: string;
  registration: Registration;
  /** SHA-256 of the certified key: who is speaking, per request. */
  spki: Sha256;
  sshFingerprint: string;
  signingKeySpki: Buffer;
  certificateSerial: string;
  certificateNotAfter: Date;
  registeredAt: Date;
  endedAt: Date | null;
  endedBy: string | null;
  /** Since when two installations are known to hold this identity. */
  clonedAt: Date | null;
  /** Since it registered. */
  renewedTimes: number;
}

/** What a caller of `register` says, already checked in form. */
export interface RegistrationRequest {
  kind: ProductKind;
  version: string;
  host: string;
  name: string;
  instanceId: string;
  email: string | null;
  /** Whether the caller knew the CA's pin beforehand; without it the product stays unconfirmed. */
  pinned: boolean;
  csrPem: string;
  sshPublicKey: string;
  signingKeySpki: Buffer;
}

/** Splits `ssh-ed25519 AAAA…` into the wire blob that an SSH server sees. */
export function sshKeyBlob(publicKeyLine: string): Buffer {
  return Buffer.from(publicKeyLine.split(/\s+/)[1] ?? "", "base64");
}

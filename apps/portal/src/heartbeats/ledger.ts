import type { DirectiveId, Epoch, Sha256, Stream } from "@tms/records";

/** What a product says, signed, of one of its streams: numbers below `sealedTo` are sealed in batches. */
export interface Ledger {
  stream: Stream;
  epoch: Epoch;
  sealedTo: number;
  head: Sha256 | null;
  spooledBytes: number;
  oldestAt: Date | null;
  signature: string;
}

/** A ledger as it was kept, with the portal's times. */
export interface KeptLedger extends Ledger {
  /** SPKI, DER, of the key that signed it. */
  signingKey: Buffer;
  announcedAt: Date;
  reportedAt: Date;
}

/** The portal sends hints only; an order never comes from here (architecture, section 5). */
export const DIRECTIVE_KINDS = ["look-for-patterns", "case-changed", "send-now", "renew"] as const;
export type DirectiveKind = (typeof DIRECTIVE_KINDS)[number];

export interface Directive {
  id: DirectiveId;
  kind: DirectiveKind;
  expiresAt: Date;
  payload: Record<string, unknown>;
}

export interface DirectiveOutcome {
  id: DirectiveId;
  ok: boolean;
  code?: string | undefined;
  detail?: string | undefined;
}

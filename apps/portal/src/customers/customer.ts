import type { CustomerId, CustomerScope, Sha256 } from "@tms/records";
import type { OwnLimits } from "#app/limits/index.ts";

export interface Customer {
  id: CustomerId;
  name: string;
  validUntil: Date;
  contactEmail: string | null;
  /** Registers products; the password that goes with it is kept as a hash only. */
  userName: string;
  patternRoot: Sha256;
  demoKeys: boolean;
  createdAt: Date;
  /** What differs from the portal's limits. */
  limits: OwnLimits;
  /** How often its products speak, and after which silence they are offline; what is absent is the default. */
  heartbeat: OwnHeartbeat;
}

export interface OwnHeartbeat {
  intervalSeconds?: number | undefined;
  offlineAfterMinutes?: number | undefined;
}

/** After the end of validity logs are still accepted and kept; patterns and reports are refused (domain, C7). */
export function hasExpired(customer: Pick<Customer, "validUntil">, now: Date): boolean {
  return now >= customer.validUntil;
}

/** A user name that people can read aloud: the customer's name in plain letters, made unique by a random ending. */
export function userNameOf(name: string, randomHex: string): string {
  const plain = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40);
  return `${plain === "" ? "customer" : plain}-${randomHex.slice(0, 6)}`;
}

/** The provider acts on one customer: the row that its own list showed gives the scope. */
export function scopeOfCustomer(customer: Pick<Customer, "id">): CustomerScope {
  return { customer: customer.id };
}

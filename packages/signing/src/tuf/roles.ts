/** Roles that hold targets, each its own terminating delegation of the empty top-level `targets` (architecture, 11). */
export const TARGET_ROLES = ["regular", "advisories", "custom-detect", "custom-act", "recipients"] as const;
export type TargetRole = (typeof TARGET_ROLES)[number];

/**
 * The least signatures that a role's delegation may demand. A repository that delegates with less is refused even if
 * its root signed so: acting on an endpoint always takes two people.
 */
export const LEAST_SIGNATURES: Record<TargetRole, number> = {
  regular: 2,
  advisories: 2,
  "custom-detect": 1,
  "custom-act": 2,
  recipients: 2,
};

/** Of root and targets: 2 of the 3 offline keys. */
export const OFFLINE_THRESHOLD = 2;

export function isTargetRole(name: string): name is TargetRole {
  return TARGET_ROLES.some((role) => role === name);
}

/** Names inside the signed part that TUF does not know; they are covered by the signature like everything there. */
export const SIGNED_AT_FIELD = "x-tms-signed-at";
export const CUSTOMER_FIELD = "x-tms-customer";
export const KEY_NAME_FIELD = "x-tms-name";

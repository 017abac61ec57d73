/** Who may do what in the portal's console (domain, B7). */
export const PORTAL_ROLES = ["administrator", "expert"] as const;
export type PortalRole = (typeof PORTAL_ROLES)[number];

export const MITIGATOR_ROLES = ["administrator"] as const;
export type MitigatorRole = (typeof MITIGATOR_ROLES)[number];

import type { StateRow } from "./tone.ts";

// The states of everything but threat events (those are in mitigation-status.ts), each with its tone.
// Screens and reports read these tables; no state has a second text elsewhere (domain, section 3; design, section 3).

export const REGISTRATIONS = ["registered", "unconfirmed", "may-only-renew", "revoked", "unregistered"] as const;
export type Registration = (typeof REGISTRATIONS)[number];

export const LIVENESS = ["awaited", "online", "late", "offline", "portal-away"] as const;
export type Liveness = (typeof LIVENESS)[number];

export const PRODUCT_STATES = [
  "online",
  "first-heartbeat-awaited",
  "late",
  "online-cannot-mitigate",
  "unconfirmed",
  "may-only-renew",
  "offline",
  "clone-suspected",
  "revoked",
  "sending-disabled",
  "unregistered",
  "portal-away",
] as const;
export type ProductState = (typeof PRODUCT_STATES)[number];

export const PRODUCT_STATE_TABLE: Record<ProductState, StateRow> = {
  online: { text: "Online", tone: "ok" },
  "first-heartbeat-awaited": { text: "Registered, first heartbeat awaited", tone: "move" },
  late: { text: "Late", tone: "wait" },
  "online-cannot-mitigate": { text: "Online, cannot mitigate", tone: "wait" },
  unconfirmed: { text: "Online, unconfirmed", tone: "wait" },
  "may-only-renew": { text: "Certificate may only renew", tone: "wait" },
  offline: { text: "Offline", tone: "fail" },
  "clone-suspected": { text: "Clone suspected", tone: "fail" },
  revoked: { text: "Revoked", tone: "fail" },
  "sending-disabled": { text: "Sending disabled", tone: "still", still: "paused" },
  unregistered: { text: "Unregistered", tone: "still", still: "ended" },
  "portal-away": { text: "Portal itself was away", tone: "gap" },
};

export const CASE_STATES = [
  "submitted",
  "collecting",
  "endpoint-away",
  "package-uploading",
  "package-failed",
  "new",
  "package-downloaded",
  "in-analysis",
  "waits-for-signature",
  "regular-pattern-named",
  "deploying",
  "closed",
  "closed-as-clean",
  "withdrawn",
] as const;
export type CaseState = (typeof CASE_STATES)[number];

export const CASE_STATE_TABLE: Record<CaseState, StateRow> = {
  submitted: { text: "Submitted", tone: "move" },
  collecting: { text: "Collecting", tone: "move" },
  "endpoint-away": { text: "Endpoint away", tone: "still", still: "away" },
  "package-uploading": { text: "Package uploading", tone: "move" },
  "package-failed": { text: "Package failed", tone: "fail" },
  new: { text: "New, nobody took it", tone: "wait" },
  "package-downloaded": { text: "Package downloaded", tone: "move" },
  "in-analysis": { text: "In analysis", tone: "move" },
  "waits-for-signature": { text: "Pattern waits for a signature", tone: "wait" },
  "regular-pattern-named": { text: "Regular pattern named, not applied yet", tone: "wait" },
  deploying: { text: "Deploying", tone: "move" },
  closed: { text: "Closed", tone: "ok" },
  "closed-as-clean": { text: "Closed as clean", tone: "ok" },
  withdrawn: { text: "Withdrawn", tone: "still", still: "ended" },
};

export const PATTERN_STATES = [
  "draft",
  "check-failed",
  "checked",
  "waits-for-first-signature",
  "waits-for-second-signature",
  "issued",
  "superseded",
  "withdrawn",
] as const;
export type PatternState = (typeof PATTERN_STATES)[number];

export const PATTERN_STATE_TABLE: Record<PatternState, StateRow> = {
  draft: { text: "Draft", tone: "wait" },
  "check-failed": { text: "Check failed", tone: "fail" },
  checked: { text: "Checked", tone: "move" },
  "waits-for-first-signature": { text: "Waits for 1st signature", tone: "wait" },
  "waits-for-second-signature": { text: "Waits for 2nd signature", tone: "wait" },
  issued: { text: "Issued", tone: "ok" },
  superseded: { text: "Superseded", tone: "still", still: "ended" },
  withdrawn: { text: "Withdrawn", tone: "still", still: "ended" },
};

export const DEPLOYMENT_STATES = [
  "assigned",
  "mitigator-notified",
  "downloaded-by-mitigator",
  "verified",
  "waits-for-order",
  "sent-to-agent",
  "verified-by-agent",
  "cleanup-running",
  "succeeded",
  "partially",
  "failed",
  "rolled-back",
  "endpoint-away",
] as const;
export type DeploymentState = (typeof DEPLOYMENT_STATES)[number];

export const DEPLOYMENT_STATE_TABLE: Record<DeploymentState, StateRow> = {
  assigned: { text: "Assigned", tone: "move" },
  "mitigator-notified": { text: "Mitigator notified", tone: "move" },
  "downloaded-by-mitigator": { text: "Downloaded by the mitigator", tone: "move" },
  verified: { text: "Verified by the mitigator", tone: "move" },
  "waits-for-order": { text: "Waits for order", tone: "wait" },
  "sent-to-agent": { text: "Sent to the agent", tone: "move" },
  "verified-by-agent": { text: "Verified by the agent", tone: "move" },
  "cleanup-running": { text: "Cleanup running", tone: "move" },
  succeeded: { text: "Succeeded", tone: "ok" },
  partially: { text: "Partially", tone: "wait" },
  failed: { text: "Failed", tone: "fail" },
  "rolled-back": { text: "Rolled back", tone: "still", still: "ended" },
  "endpoint-away": { text: "Endpoint away", tone: "still", still: "away" },
};

export const INCIDENT_STATES = ["new", "in-progress", "resolved", "false-positive"] as const;
export type IncidentState = (typeof INCIDENT_STATES)[number];

export const INCIDENT_STATE_TABLE: Record<IncidentState, StateRow> = {
  new: { text: "New", tone: "wait" },
  "in-progress": { text: "In progress", tone: "move" },
  resolved: { text: "Resolved", tone: "ok" },
  "false-positive": { text: "False positive", tone: "still", still: "ended" },
};

export const ENDPOINT_STATES = ["connected", "outdated-agent", "nonconforming", "disconnected", "not-known"] as const;
export type EndpointState = (typeof ENDPOINT_STATES)[number];

export const ENDPOINT_STATE_TABLE: Record<EndpointState, StateRow> = {
  connected: { text: "Connected", tone: "ok" },
  "outdated-agent": { text: "Outdated agent", tone: "wait" },
  nonconforming: { text: "Nonconforming", tone: "fail" },
  disconnected: { text: "Disconnected", tone: "still", still: "away" },
  "not-known": { text: "No answer, and none expected", tone: "gap" },
};

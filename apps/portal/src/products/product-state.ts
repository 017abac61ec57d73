// The state of a registered product, drawn from five facts that are never folded into one: registration, liveness,
// ready, sending, identity. The screen shows one word; this says which of the facts speaks first, since when and why.

import type { Liveness, ProductState, Registration } from "@tms/records";

export interface ProductFacts {
  registration: Registration;
  registeredAt: Date;
  certificateNotAfter: Date;
  endedAt: Date | null;
  endedBy: string | null;
  clonedAt: Date | null;
  /** The machines that speak as this product, where there is more than one. */
  hosts: readonly string[];
  liveness: Liveness;
  lastSeenAt: Date | null;
  ready: { ok: boolean; reasons: { code: string; text: string }[] } | null;
  readySince: Date | null;
  sending: "on" | "disabled";
  sendingSince: Date | null;
}

export interface StateOfProduct {
  state: ProductState;
  since: Date | null;
  reason: string | null;
  needsSomebody: boolean;
}

/** What speaks first: the end of the registration, then what the product said of itself, then its silence. */
export function stateOfProduct(facts: ProductFacts): StateOfProduct {
  switch (facts.registration) {
    case "unregistered":
      return {
        state: "unregistered",
        since: facts.endedAt,
        reason: `By ${facts.endedBy ?? "itself"}`,
        needsSomebody: false,
      };
    case "revoked":
      return {
        state: "revoked",
        since: facts.endedAt,
        reason: `Removed by ${facts.endedBy ?? "unknown"}`,
        needsSomebody: false,
      };
    case "may-only-renew":
      if (facts.clonedAt !== null) return stateOfClone(facts);
      return {
        state: "may-only-renew",
        since: facts.certificateNotAfter,
        reason: "Its certificate has expired",
        needsSomebody: true,
      };
    case "registered":
    case "unconfirmed":
      return stateWhileRegistered(facts);
  }
}

function stateOfClone({ clonedAt, hosts }: ProductFacts): StateOfProduct {
  const reason = hosts.length === 0 ? "Two machines speak as this product" : `Spoken for by ${hosts.join(" and ")}`;
  return { state: "clone-suspected", since: clonedAt, reason, needsSomebody: true };
}

function stateWhileRegistered(facts: ProductFacts): StateOfProduct {
  if (facts.clonedAt !== null) return stateOfClone(facts);
  // A disabled product is silent on purpose: neither late nor offline.
  if (facts.sending === "disabled") {
    return {
      state: "sending-disabled",
      since: facts.sendingSince,
      reason: "By its administrator",
      needsSomebody: false,
    };
  }
  switch (facts.liveness) {
    case "awaited":
      return { state: "first-heartbeat-awaited", since: facts.registeredAt, reason: null, needsSomebody: false };
    case "offline":
      return { state: "offline", since: facts.lastSeenAt, reason: lastKnown(facts), needsSomebody: true };
    case "portal-away":
      return {
        state: "portal-away",
        since: facts.lastSeenAt,
        reason: "Nobody could reach the portal",
        needsSomebody: false,
      };
    case "late":
      return { state: "late", since: facts.lastSeenAt, reason: lastKnown(facts), needsSomebody: true };
    case "online":
      return stateWhileOnline(facts);
  }
}

function stateWhileOnline(facts: ProductFacts): StateOfProduct {
  if (facts.ready !== null && !facts.ready.ok) {
    const reason = reasonsOf(facts.ready.reasons) ?? "It did not say why";
    return { state: "online-cannot-mitigate", since: facts.readySince, reason, needsSomebody: true };
  }
  if (facts.registration === "unconfirmed") {
    const reason = "It registered without knowing the portal's fingerprint";
    return { state: "unconfirmed", since: facts.registeredAt, reason, needsSomebody: true };
  }
  return { state: "online", since: null, reason: null, needsSomebody: false };
}

function lastKnown(facts: ProductFacts): string | null {
  const reasons = facts.ready === null ? null : reasonsOf(facts.ready.reasons);
  return reasons === null ? null : `Last known: ${reasons}`;
}

function reasonsOf(reasons: readonly { text: string }[]): string | null {
  return reasons.length === 0 ? null : reasons.map((reason) => reason.text).join("; ");
}

/** States in which a product stays listed apart from those in service. */
export function hasEnded(state: ProductState): boolean {
  return state === "unregistered" || state === "revoked";
}

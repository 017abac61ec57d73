import type { CustomerId, DirectiveId, EndpointId, ProductId, Registration, Sha256, Stream } from "@tms/records";

/** What an agent allows its mitigator's administrator to order; pinned at enrolment. */
export const ALLOWANCES = ["scan", "collect", "cleanup", "restore", "undo", "pause"] as const;
export type Allowance = (typeof ALLOWANCES)[number];

export interface Agent {
  endpoint: EndpointId;
  product: ProductId;
  customer: CustomerId;
  registration: Registration;
  tlsSpki: Sha256;
  /** SPKI, DER, base64: verifies stream positions and package manifests. */
  signingKey: string;
  instanceId: string;
  allow: readonly Allowance[];
  certificateNotAfter: Date;
  enrolledAt: Date;
  clockOffsetMs: number;
  /** Since when two installations are known to hold this identity. */
  clonedAt: Date | null;
}

/** By what an agent knows this mitigator. */
export interface TrustReport {
  caPins: string[];
  sshHostKeys: string[];
}

export type OrderKind = "scan" | "collect" | "apply-pattern" | "undo" | "look-for-patterns" | "send-now" | "renew";

/** An order of the administrator on its way to an agent; stays until it is answered or has expired. */
export interface Order {
  id: DirectiveId;
  endpoint: EndpointId;
  kind: OrderKind;
  payload: Record<string, unknown>;
  expiresAt: Date;
}

export interface OrderOutcome {
  id: DirectiveId;
  endpoint: EndpointId;
  kind: OrderKind;
  payload: Record<string, unknown>;
  ok: boolean;
  code: string | null;
  detail: string | null;
}

/** A batch that an agent sent, whose records are still to be passed on. */
export interface WaitingBatch {
  id: number;
  product: ProductId;
  endpoint: EndpointId;
  stream: Stream;
  epoch: string;
  first: number;
  count: number;
  gap: { cause: string; from: string; to: string } | null;
  blobKey: string;
  readable: boolean;
  clockOffsetMs: number;
  receivedAt: Date;
}

export interface SetAside {
  number: number;
  problem: string;
  line: string;
}

/** Tasks for an endpoint that is away are kept this long (domain, section 3). */
export const ORDER_LIFE_DAYS = 7;

/** What an order needs the agent to allow; hints need nothing. */
export function allowanceFor(kind: OrderKind): Allowance | null {
  switch (kind) {
    case "scan":
      return "scan";
    case "collect":
      return "collect";
    case "apply-pattern":
      return "cleanup";
    case "undo":
      return "undo";
    case "look-for-patterns":
    case "send-now":
    case "renew":
      return null;
  }
}

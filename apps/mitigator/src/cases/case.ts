import type {
  CaseId,
  CaseState,
  DirectiveId,
  EndpointId,
  PackageId,
  PatternId,
  RecordId,
  Sha256,
  ThreatId,
  Turn,
} from "@tms/records";

/** A request to the portal's experts about an unresolved threat, as the mitigator keeps it. */
export interface Case {
  id: CaseId;
  /** `C-` and a number, given by the portal; null until it has answered. */
  shortId: string | null;
  endpoint: EndpointId;
  host: string;
  threat: ThreatId;
  events: readonly RecordId[];
  note: string;
  openedBy: string;
  openedAt: Date;
  state: CaseState;
  stateSince: Date;
  /** The state that the portal has confirmed. */
  putState: CaseState | null;
  changeNumber: number;
  pattern: { id: PatternId; version: number } | null;
  /** The order to collect; its id is made with the case, so that giving it again after a crash gives it once. */
  directive: DirectiveId;
  package: CasePackage;
}

export interface CasePackage {
  id: PackageId;
  sha256: Sha256 | null;
  sizeBytes: number | null;
  recipients: string | null;
  file: string | null;
  receivedAt: Date | null;
  sentBytes: number;
  forwardedAt: Date | null;
}

export const CLOSED_STATES: readonly CaseState[] = ["closed", "closed-as-clean", "withdrawn"];

/** The package is asked for and has not begun to arrive. */
export const COLLECTING_STATES: readonly CaseState[] = ["submitted", "collecting", "endpoint-away"];

/** States that this mitigator reports; from `new` on the portal says where a case stands. */
export const OWN_STATES = [
  "submitted",
  "collecting",
  "endpoint-away",
  "package-uploading",
  "package-failed",
  "withdrawn",
] as const satisfies readonly CaseState[];
export type OwnState = (typeof OWN_STATES)[number];

export function isOwnState(state: CaseState): state is OwnState {
  return OWN_STATES.some((own) => own === state);
}

/** Whose turn it is (domain, section 3). */
export function turnOf(state: CaseState): Turn {
  switch (state) {
    case "submitted":
    case "new":
    case "package-downloaded":
    case "in-analysis":
    case "waits-for-signature":
      return "portal";
    case "collecting":
    case "endpoint-away":
    case "package-uploading":
    case "deploying":
    case "regular-pattern-named":
      return "endpoint";
    case "package-failed":
      return "you";
    case "closed":
    case "closed-as-clean":
    case "withdrawn":
      return "nobody";
  }
}

/** Where collecting stands, from what is known here. */
export function collectingState(facts: {
  packageReceived: boolean;
  uploadBegun: boolean;
  orderDelivered: boolean;
  endpointConnected: boolean;
}): OwnState {
  if (facts.packageReceived || facts.uploadBegun) return "package-uploading";
  return facts.orderDelivered || facts.endpointConnected ? "collecting" : "endpoint-away";
}

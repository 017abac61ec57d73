import {
  AppError,
  type CaseId,
  type Clock,
  type DirectiveId,
  type EndpointId,
  type MitigationStatus,
  newId,
  type PackageId,
  type RecordId,
  type ThreatId,
} from "@tms/records";
import type { Case } from "./case.ts";
import type { CaseStore } from "./case-store.ts";

export interface CaseSubject {
  threat: ThreatId;
  endpoint: EndpointId;
  host: string;
  status: MitigationStatus;
  unresolved: boolean;
  events: readonly RecordId[];
}

/** What an agent is asked to collect at most, in bytes. */
export const MAX_PACKAGE_BYTES = 256 * 1024 * 1024;

export interface SubmitCaseDeps {
  cases: Pick<CaseStore, "insert" | "openOf">;
  /** The threat of an event and where it stands; null if there is no such event. */
  subjectOf: (event: RecordId) => Promise<CaseSubject | null>;
  portalState: () => Promise<"ready" | "not-registered" | "sending-disabled">;
  orderCollection: (one: Case) => Promise<void>;
  onSubmitted: () => void;
  clock: Clock;
}

/**
 * Submits a case about the unresolved threat of an event. The portal may be away: the case is kept and put later.
 *
 * Pressing twice gives the same case.
 *
 * @throws {AppError} `event.unknown`, `case.nothing_unresolved`, `portal.not_registered`, `portal.sending_disabled`.
 */
export function createSubmitCase(deps: SubmitCaseDeps) {
  return async function submitCase(ask: { event: RecordId; note: string; openedBy: string }): Promise<Case> {
    const state = await deps.portalState();
    if (state === "not-registered") throw new AppError("portal.not_registered");
    if (state === "sending-disabled") throw new AppError("portal.sending_disabled");
    const subject = await deps.subjectOf(ask.event);
    if (subject === null) throw new AppError("event.unknown", { event: ask.event });
    const open = await deps.cases.openOf(subject.threat);
    if (open !== null) return open;
    if (!subject.unresolved) throw new AppError("case.nothing_unresolved", { threat: subject.threat });
    const now = deps.clock.now();
    const made = newCase(subject, { ...ask, now });
    if (!(await deps.cases.insert(made))) {
      const other = await deps.cases.openOf(subject.threat);
      if (other !== null) return other;
      throw new AppError("case.differs", { threat: subject.threat });
    }
    await deps.orderCollection(made);
    deps.onSubmitted();
    return made;
  };
}

function newCase(subject: CaseSubject, ask: { note: string; openedBy: string; now: Date }): Case {
  return {
    id: newId<CaseId>(),
    shortId: null,
    endpoint: subject.endpoint,
    host: subject.host,
    threat: subject.threat,
    events: subject.events,
    note: ask.note,
    openedBy: ask.openedBy,
    openedAt: ask.now,
    state: "submitted",
    stateSince: ask.now,
    putState: null,
    changeNumber: 0,
    pattern: null,
    directive: newId<DirectiveId>(),
    package: {
      id: newId<PackageId>(),
      sha256: null,
      sizeBytes: null,
      recipients: null,
      file: null,
      receivedAt: null,
      sentBytes: 0,
      forwardedAt: null,
    },
  };
}

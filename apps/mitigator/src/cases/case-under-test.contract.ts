import {
  AppError,
  type CaseId,
  type DirectiveId,
  type EndpointId,
  newId,
  type PackageId,
  type RecordId,
  type Sha256,
  type ThreatId,
} from "@tms/records";
import type { Case } from "./case.ts";
import type { AnnouncedPackage } from "./receive-package.ts";

export const AT = new Date("2026-11-24T09:00:00.000Z");
export const later = (minutes: number) => new Date(AT.getTime() + minutes * 60_000);
export const sha = (digit: string) => digit.repeat(64) as Sha256;

/** A case as it is submitted; `change` shows the field that matters to a test. */
export function caseOf(change: Partial<Case> = {}): Case {
  return {
    id: newId<CaseId>(),
    shortId: null,
    endpoint: newId<EndpointId>(),
    host: "host-1",
    threat: newId<ThreatId>(),
    events: [newId<RecordId>()],
    note: "please look",
    openedBy: "ann",
    openedAt: AT,
    state: "submitted",
    stateSince: AT,
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
    ...change,
  };
}

/** What the agent of a case announces for it. */
export function announcedFor(one: Case, change: Partial<AnnouncedPackage> = {}): AnnouncedPackage {
  return {
    case: one.id,
    package: one.package.id,
    endpoint: one.endpoint,
    sha256: sha("a"),
    recipients: "age1one",
    ...change,
  };
}

export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no error",
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );

import type { CasePut, CaseView, PackageMetadata } from "@tms/contracts/link";
import type { MitigatorCase } from "@tms/contracts/mitigator";
import { AppError, type CaseId } from "@tms/records";
import { type Case, isOwnState, turnOf } from "./case.ts";
import type { PortalView } from "./case-store.ts";
import type { PortalCases } from "./keep-cases.ts";

/** The part of the link to the portal that cases need. */
export interface CaseRequests {
  putCase(id: CaseId, body: CasePut): Promise<CaseView>;
  listCases(after: number): Promise<CaseView[]>;
  uploadPackage(upload: {
    file: string;
    meta: PackageMetadata;
    onProgress: (sentBytes: number) => void;
    signal: AbortSignal;
  }): Promise<unknown>;
}

export function createPortalCases(requests: CaseRequests): PortalCases {
  return {
    put: async (one) => viewOf(await requests.putCase(one.id, putOf(one))),
    changedAfter: async (changeNumber) => (await requests.listCases(changeNumber)).map(viewOf),
    upload: async (one, { onProgress, signal }) => {
      const { file, sha256, recipients } = one.package;
      if (file === null || sha256 === null) throw new AppError("package.unknown", { case: one.id });
      await requests.uploadPackage({
        file,
        meta: {
          case: one.id,
          package: one.package.id,
          endpoint: one.endpoint,
          sha256,
          recipients: recipients ?? "",
        },
        onProgress,
        signal,
      });
    },
  };
}

/** The body of a put. Everything but the state was fixed when the case was opened: the portal compares it. */
function putOf(one: Case): CasePut {
  if (!isOwnState(one.state)) throw new AppError("case.differs", { case: one.id, state: one.state });
  return {
    endpoint: one.endpoint,
    host: one.host,
    threats: [one.threat],
    events: [...one.events],
    note: one.note,
    openedBy: one.openedBy,
    openedAt: one.openedAt.toISOString(),
    state: one.state,
  };
}

function viewOf(view: CaseView): PortalView {
  return {
    id: view.id,
    shortId: view.shortId,
    state: view.state,
    changeNumber: view.changeNumber,
    pattern: view.pattern,
  };
}

/** A case as the console reads it. */
export function caseToWire(one: Case): MitigatorCase {
  const { sha256, sizeBytes, sentBytes } = one.package;
  return {
    id: one.id,
    shortId: one.shortId,
    endpoint: one.endpoint,
    host: one.host,
    state: one.state,
    stateSince: one.stateSince.toISOString(),
    turn: turnOf(one.state),
    note: one.note,
    openedAt: one.openedAt.toISOString(),
    openedBy: one.openedBy,
    package: sha256 === null || sizeBytes === null ? null : { sizeBytes, sentBytes, sha256 },
    pattern: one.pattern,
  };
}

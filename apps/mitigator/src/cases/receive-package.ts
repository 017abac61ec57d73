import {
  AppError,
  type CaseId,
  type Clock,
  type EndpointId,
  type ErrorCode,
  type PackageId,
  type Sha256,
} from "@tms/records";
import { type Case, CLOSED_STATES } from "./case.ts";
import type { CaseStore } from "./case-store.ts";
import { MAX_PACKAGE_BYTES } from "./submit-case.ts";

export interface AnnouncedPackage {
  case: CaseId;
  package: PackageId;
  endpoint: EndpointId;
  sha256: Sha256;
  recipients: string;
}

/** Where finished packages lie until they are with the portal. */
export interface PackageShelf {
  /** Moves the uploaded file there and makes that durable; idempotent by package. */
  keep(file: string, id: PackageId): Promise<string>;
  drop(file: string): Promise<void>;
}

/** Encryption and the archive's own framing add to what was collected. */
const ENVELOPE_BYTES = 16 * 1024 * 1024;

/**
 * Takes in the forensic packages that agents send.
 *
 * P1 A package is taken only for the case that asked for it, and only from the agent that was asked.
 * P2 Once it arrived, nothing that its agent sends moves the case or its package any more.
 */
export function createReceivePackage(deps: {
  cases: CaseStore;
  shelf: PackageShelf;
  onReceived: () => void;
  clock: Clock;
}) {
  async function caseOf(endpoint: EndpointId | null, announced: AnnouncedPackage): Promise<Case> {
    const found = await deps.cases.byPackage(announced.package);
    const theirs = found !== null && found.id === announced.case && found.endpoint === endpoint;
    if (!theirs || announced.endpoint !== endpoint || CLOSED_STATES.includes(found.state)) {
      throw new AppError("case.unknown", { case: announced.case, endpoint });
    }
    return found;
  }

  return {
    async announced(endpoint: EndpointId | null, announced: AnnouncedPackage, sizeBytes: number): Promise<void> {
      const found = await caseOf(endpoint, announced);
      if (sizeBytes > MAX_PACKAGE_BYTES + ENVELOPE_BYTES) throw new AppError("package.too_large", { sizeBytes });
      // What arrived first is what is forwarded; a second, different package needs a new case.
      if (found.package.receivedAt !== null) return refuseOther(found, announced);
      const { sha256, recipients } = announced;
      await deps.cases.packageAnnounced(found.id, { sha256, sizeBytes, recipients });
      await deps.cases.setState(found.id, "package-uploading", deps.clock.now());
    },
    async finished(endpoint: EndpointId | null, announced: AnnouncedPackage, file: string): Promise<void> {
      const found = await caseOf(endpoint, announced);
      refuseOther(found, announced);
      if (found.package.receivedAt !== null) return;
      const kept = await deps.shelf.keep(file, found.package.id);
      await deps.cases.packageReceived(found.id, { file: kept, at: deps.clock.now() });
      deps.onReceived();
    },
    async failed(endpoint: EndpointId | null, announced: AnnouncedPackage, code: ErrorCode): Promise<void> {
      const found = await caseOf(endpoint, announced);
      // A package that lies here stays good whatever a second upload comes to.
      if (found.package.receivedAt !== null) return;
      await deps.cases.failed(found.id, code);
      await deps.cases.setState(found.id, "package-failed", deps.clock.now());
    },
  };
}

function refuseOther(found: Case, announced: AnnouncedPackage): void {
  if (found.package.sha256 !== announced.sha256) throw new AppError("case.differs", { package: announced.package });
}

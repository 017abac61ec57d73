import { type PatternManifest, parsePattern, planDigest, roleOf, targetPathOf } from "@tms/patterns";
import { AppError, type CaseId, type CustomerScope, type EndpointId, type PatternState } from "@tms/records";
import { LEAST_SIGNATURES, sha256Of } from "@tms/signing";
import { type CustomPattern, mayReplaceDraft, type SignedRole, wasIssued } from "./custom-pattern.ts";

export interface DraftCase {
  id: CaseId;
  shortId: string;
  endpoint: EndpointId;
}

export type NewDraft = Omit<CustomPattern, "stateSince" | "signatures" | "proposed">;

/** Work on one draft while the customer's repository is locked. */
export interface DraftTransaction {
  /** Every version of the draft's id that this customer has. */
  versions: readonly CustomPattern[];
  /** Inserts the draft, or puts it in the existing one's place. @throws {AppError} `pattern.id_taken`. */
  save(draft: NewDraft): Promise<CustomPattern>;
}

export interface DraftStore {
  /** Takes the lock that signing takes, so that nobody signs what is being replaced. */
  lockedForDraft<T>(
    scope: CustomerScope,
    asked: { id: string; version: number },
    work: (tx: DraftTransaction) => Promise<T>,
  ): Promise<T>;
}

/**
 * Takes an expert's draft into a case: the bytes as they are, and what the expert's own tool found.
 *
 * @throws {AppError} `pattern.manifest_malformed` and its kin, `pattern.customer_differs`, `pattern.endpoint_differs`,
 *   `case.differs`, `pattern.digest_mismatch`, `pattern.state_wrong`, `pattern.id_taken`.
 */
export function createDraftPattern(deps: { patterns: DraftStore }) {
  return async function draftPattern(
    scope: CustomerScope,
    target: DraftCase,
    draft: { bytes: Buffer; check: { ok: boolean; digest: string; planDigest: string }; by: string },
  ): Promise<CustomPattern> {
    const manifest = parsePattern(draft.bytes);
    refuseForeign(scope, target, manifest);
    const digest = sha256Of(draft.bytes);
    if (draft.check.digest !== digest || draft.check.planDigest !== planDigest(manifest)) {
      throw new AppError("pattern.digest_mismatch", { digest, checked: draft.check.digest });
    }
    const role: SignedRole = roleOf(manifest);
    const state: PatternState = draft.check.ok ? "waits-for-first-signature" : "check-failed";
    const next: NewDraft = {
      id: manifest.id,
      version: manifest.version,
      title: manifest.title,
      role,
      caseId: target.id,
      caseShortId: target.shortId,
      state,
      digest,
      planDigest: planDigest(manifest),
      targetPath: targetPathOf(manifest, role),
      bytes: draft.bytes,
      endpoints: manifest.endpoints,
      check: draft.check,
      signaturesNeeded: LEAST_SIGNATURES[role],
      draftedBy: draft.by,
    };
    return deps.patterns.lockedForDraft(scope, next, (tx) => {
      for (const known of tx.versions) refuseInsteadOf(known, target, manifest.version);
      return tx.save(next);
    });
  };
}

/** An id stays with its case; a version is replaced only while nobody signed it, and never follows a newer issued one. */
function refuseInsteadOf(known: CustomPattern, target: DraftCase, next: number): void {
  const { id, version, state } = known;
  if (known.caseId !== target.id) throw new AppError("case.differs", { id, version });
  const isOver = version === next ? !mayReplaceDraft(known) : version > next && wasIssued(state);
  if (isOver) throw new AppError("pattern.state_wrong", { id, version, state });
}

/** A pattern for a case is for that case's customer and endpoint, and for nobody else. */
function refuseForeign(scope: CustomerScope, target: DraftCase, manifest: PatternManifest): void {
  if (manifest.customer !== scope.customer) throw new AppError("pattern.customer_differs", { id: manifest.id });
  if (manifest.endpoints.some((endpoint) => endpoint !== target.endpoint)) {
    throw new AppError("pattern.endpoint_differs", { id: manifest.id });
  }
  if (manifest.case !== null && manifest.case.id !== target.id) throw new AppError("case.differs", { id: manifest.id });
}

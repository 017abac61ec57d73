import type { CaseId, EndpointId, PatternId, PatternState, Sha256 } from "@tms/records";

export type SignedRole = "custom-act" | "custom-detect" | "regular";

/** A pattern as the portal keeps it: the draft's stored bytes, what was checked, and who signed. */
export interface CustomPattern {
  id: PatternId;
  version: number;
  title: string;
  role: SignedRole;
  caseId: CaseId | null;
  caseShortId: string | null;
  state: PatternState;
  stateSince: Date;
  digest: Sha256;
  planDigest: Sha256;
  targetPath: string;
  bytes: Buffer;
  endpoints: EndpointId[];
  /** The last line of the expert's own `tms pattern check`. */
  check: unknown;
  /** The role file that this pattern would enter, with the signatures so far. */
  proposed: Buffer | null;
  signaturesNeeded: number;
  draftedBy: string;
  signatures: { keyId: Sha256; name: string; at: Date }[];
}

/** Which signature is waited for, or that none is: the last one that the role demands is the approval. */
export function stateAfterSignatures(given: number, needed: number): PatternState {
  if (given >= needed) return "issued";
  return given === 0 ? "waits-for-first-signature" : "waits-for-second-signature";
}

export function waitsForSignature(state: PatternState): boolean {
  return state === "waits-for-first-signature" || state === "waits-for-second-signature";
}

export function wasIssued(state: PatternState): boolean {
  return state === "issued" || state === "superseded";
}

/** A draft may be replaced by another of the same version only while nobody has signed it. */
export function mayReplaceDraft(existing: Pick<CustomPattern, "state" | "signatures">): boolean {
  const isDraft = existing.state === "draft" || existing.state === "check-failed" || waitsForSignature(existing.state);
  return isDraft && existing.signatures.length === 0;
}

export interface ListedTarget {
  path: string;
  sha256: Sha256;
  sizeBytes: number;
}

/**
 * Whether a proposed role file says exactly what is in force plus one target: whoever signed it must not have been made
 * to sign, or to drop, anything else.
 */
export function addsOnly(
  proposed: readonly ListedTarget[],
  inForce: readonly ListedTarget[],
  target: ListedTarget,
): boolean {
  const expected = new Map(inForce.map((one) => [one.path, one]));
  expected.set(target.path, target);
  return (
    proposed.length === expected.size &&
    proposed.every((one) => {
      const wanted = expected.get(one.path);
      return wanted !== undefined && wanted.sha256 === one.sha256 && wanted.sizeBytes === one.sizeBytes;
    })
  );
}

import type { PatternSigning } from "@tms/contracts/portal";
import { type PatternManifest, type PatternRole, parsePattern, planDigest, roleOf, targetPathOf } from "@tms/patterns";
import { AppError, type Sha256 } from "@tms/records";
import {
  addTarget,
  checkRoleFile,
  describeRoleFile,
  type RoleKeys,
  roleExpiry,
  roleKeysOf,
  rootFingerprint,
  sha256Of,
} from "@tms/signing";
import type { PinnedCustomer } from "../keys/expert-directory.ts";

// What an expert is about to sign, judged from this expert's own pinned root. Nothing of what the portal says is believed:
// a portal that lies can at most keep a signature from being given.
// J1  The delegating metadata verifies from the pinned root.
// J2  The draft is for the pinned customer and stands under its own name in the role that its verbs demand.
// J3  The file to sign is the version in force, plus this one target, and nothing else: signing covers the whole file.

export interface SigningState {
  manifest: PatternManifest;
  role: PatternRole;
  digest: Sha256;
  planDigest: Sha256;
  /** What to sign: the proposed file, or a fresh one if nobody signed yet. */
  file: Buffer;
  version: number;
  /** Key ids that signed already. */
  signers: Sha256[];
  accepted: RoleKeys;
  difference: { added: string[]; replaced: string[]; kept: number };
}

/** @throws {AppError} the `pattern.*` code of whatever does not hold. */
export function judgeSigning(signing: PatternSigning, pinned: PinnedCustomer, now: Date): SigningState {
  const targets = judgeDelegating(signing, pinned);
  const { manifest, role, bytes } = judgeDraft(signing, pinned);
  const accepted = roleKeysOf(role, targets);
  const inForce = signing.inForce.role === null ? null : decode(signing.inForce.role);
  if (inForce !== null) checkRoleFile(inForce, role, targets);

  const target = { path: signing.target.path, bytes };
  const fresh = addTarget(inForce, target, { signedAt: now, expires: roleExpiry(now) });
  const proposed = signing.proposed === null ? null : decode(signing.proposed);
  const signers =
    proposed === null ? [] : checkRoleFile(proposed, role, targets, "one").signers.map(({ keyId }) => keyId);
  if (proposed !== null) refuseOtherContent(proposed, fresh, now);
  return {
    manifest,
    role,
    digest: sha256Of(bytes),
    planDigest: planDigest(manifest),
    file: proposed ?? fresh,
    version: describeRoleFile(fresh).version,
    signers,
    accepted,
    difference: differenceOf(inForce, proposed ?? fresh),
  };
}

function judgeDelegating(signing: PatternSigning, pinned: PinnedCustomer): Buffer {
  const root = decode(signing.inForce.root);
  // A root that was rotated needs its whole chain, which the portal does not give here; the pin is then renewed first.
  if (rootFingerprint(root) !== pinned.patternRoot) {
    throw new AppError("pattern.root_differs", { expected: pinned.patternRoot, got: rootFingerprint(root) });
  }
  const targets = decode(signing.inForce.targets);
  checkRoleFile(targets, "targets", root);
  return targets;
}

function judgeDraft(signing: PatternSigning, pinned: PinnedCustomer) {
  const bytes = decode(signing.target.bytes);
  const manifest = parsePattern(bytes);
  const role = roleOf(manifest);
  if (signing.customer !== pinned.customer.id)
    throw new AppError("pattern.customer_differs", { customer: signing.customer });
  if (role !== "regular" && manifest.customer !== pinned.customer.id) {
    throw new AppError("pattern.customer_differs", { customer: manifest.customer });
  }
  if (manifest.id !== signing.id || manifest.version !== signing.version) {
    throw new AppError("pattern.digest_mismatch", { asked: signing.id, got: manifest.id });
  }
  if (role !== signing.role || signing.target.path !== targetPathOf(manifest, role)) {
    throw new AppError("pattern.role_wrong", { role: signing.role, path: signing.target.path });
  }
  return { manifest, role, bytes };
}

/** The other expert's file must say exactly what a fresh one would; only its times may be that expert's. */
function refuseOtherContent(proposed: Buffer, fresh: Buffer, now: Date): void {
  const [theirs, ours] = [describeRoleFile(proposed), describeRoleFile(fresh)];
  const listOf = (file: typeof ours) => JSON.stringify([file.version, ...file.targets.map(lineOf).sort()]);
  if (listOf(theirs) !== listOf(ours)) {
    throw new AppError("pattern.digest_mismatch", {
      reason: "the proposed role file says more or less than this pattern",
    });
  }
  if (theirs.expires <= now || theirs.expires > roleExpiry(now)) {
    throw new AppError("pattern.metadata_expired", { expires: theirs.expires.toISOString() });
  }
}

function differenceOf(before: Buffer | null, after: Buffer): SigningState["difference"] {
  const old = new Map(
    (before === null ? [] : describeRoleFile(before).targets).map(({ path, sha256 }) => [path, sha256]),
  );
  const next = describeRoleFile(after).targets;
  const added = next.filter(({ path }) => !old.has(path)).map(({ path }) => path);
  const replaced = next.filter(({ path, sha256 }) => old.has(path) && old.get(path) !== sha256).map(({ path }) => path);
  return { added, replaced, kept: next.length - added.length - replaced.length };
}

function lineOf(target: { path: string; sha256: string; sizeBytes: number }): string {
  return `${target.path} ${target.sha256} ${target.sizeBytes}`;
}

function decode(base64: string): Buffer {
  return Buffer.from(base64, "base64");
}

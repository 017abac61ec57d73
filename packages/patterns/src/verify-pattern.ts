import { AppError, type Brand, type CustomerId, type EndpointId, type Sha256 } from "@tms/records";
import { equalSecret, sha256Of, type TargetRole, type TrustedTarget } from "@tms/signing";
import type { PatternManifest } from "./manifest.ts";
import { parsePattern } from "./parse-pattern.ts";
import { planDigest } from "./plan.ts";

interface CheckedPattern {
  readonly manifest: PatternManifest;
  /** SHA-256 of the stored bytes: the target's digest. */
  readonly digest: Sha256;
  readonly planDigest: Sha256;
  readonly role: PatternRole;
  readonly targetPath: string;
}

/** A pattern that may act here: signed, unchanged, for this customer, for this endpoint, not expired. */
export type VerifiedPattern = Brand<CheckedPattern, "VerifiedPattern">;

export const PATTERN_ROLES = ["custom-act", "custom-detect", "regular"] as const satisfies readonly TargetRole[];
export type PatternRole = (typeof PATTERN_ROLES)[number];

/** The TUF target path of a pattern: every version of it stands under one path, so a newer one replaces the older. */
export function targetPathOf(manifest: Pick<PatternManifest, "id">, role: PatternRole): string {
  return `${role}/${manifest.id}.json`;
}

/** The role that a draft needs: two signatures as soon as it does anything but find. */
export function roleOf(manifest: PatternManifest): PatternRole {
  if (manifest.id.startsWith("RP-")) return "regular";
  return manifest.cleanup.length === 0 ? "custom-detect" : "custom-act";
}

/**
 * The only maker of a `VerifiedPattern` (architecture, section 8): judges a target's bytes for one place.
 *
 * @param target From a repository verified to its pinned root; it says whose signatures stand behind the bytes.
 * @param customer The pinned id.
 * @param endpoint The own id; null where the pattern is only passed on.
 * @throws {AppError} `pattern.digest_mismatch`, `pattern.role_wrong`, `pattern.customer_differs`,
 *   `pattern.endpoint_differs`, `pattern.expired`, and what `parsePattern` throws.
 */
export function verifyPattern(input: {
  bytes: Uint8Array;
  target: TrustedTarget;
  customer: CustomerId;
  endpoint: EndpointId | null;
  now: Date;
}): VerifiedPattern {
  const { bytes, target, customer, endpoint, now } = input;
  const digest = sha256Of(bytes);
  if (bytes.length !== target.sizeBytes || !equalSecret(digest, target.sha256)) {
    throw new AppError("pattern.digest_mismatch", { path: target.path });
  }
  const manifest = parsePattern(bytes);
  const role = judgeRole(manifest, target);
  if (role !== "regular" && manifest.customer !== customer) {
    throw new AppError("pattern.customer_differs", { pattern: manifest.id });
  }
  if (role !== "regular" && endpoint !== null && !manifest.endpoints.includes(endpoint)) {
    throw new AppError("pattern.endpoint_differs", { pattern: manifest.id });
  }
  if (now >= new Date(manifest.expires)) {
    throw new AppError("pattern.expired", { pattern: manifest.id, expires: manifest.expires });
  }
  const checked: CheckedPattern = { manifest, digest, planDigest: planDigest(manifest), role, targetPath: target.path };
  return Object.freeze(checked) as VerifiedPattern;
}

/** `*` counts only in `regular`, verbs only in `regular` and `custom-act`, and a target only under its own name. */
function judgeRole(manifest: PatternManifest, target: TrustedTarget): PatternRole {
  const role = PATTERN_ROLES.find((known) => known === target.role);
  const wrong = (reason: string) =>
    new AppError("pattern.role_wrong", { path: target.path, role: target.role, reason });
  if (role === undefined) throw wrong("the role holds no patterns");
  if ((role === "regular") !== manifest.id.startsWith("RP-")) throw wrong("regular and custom are different roles");
  if (role === "custom-detect" && manifest.cleanup.length > 0) throw wrong("this role only finds and reports");
  if (target.path !== targetPathOf(manifest, role)) throw wrong("the path is not the pattern's");
  return role;
}

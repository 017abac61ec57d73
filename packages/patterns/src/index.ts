export { sealConsent, verifyConsent } from "./consent.ts";
export {
  type CleanupStep,
  MAX_PATTERN_BYTES,
  type PatternLimits,
  type PatternManifest,
  type PatternRule,
  patternManifestSchema,
} from "./manifest.ts";
export { parsePattern } from "./parse-pattern.ts";
export { type PatternPlan, type PlanStep, planDigest, planOf } from "./plan.ts";
export { isExactPath, isProtectedPath, isWithin } from "./safe-path.ts";
export {
  PATTERN_ROLES,
  type PatternRole,
  roleOf,
  targetPathOf,
  type VerifiedPattern,
  verifyPattern,
} from "./verify-pattern.ts";

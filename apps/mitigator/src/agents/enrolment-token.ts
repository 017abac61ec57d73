import { AppError, type Sha256 } from "@tms/records";
import { equalSecret } from "@tms/signing";
import type { Allowance } from "./agent.ts";

/** An enrolment token as it is kept: never the secret, only its digest. */
export interface KeptToken {
  id: string;
  secretSha256: Sha256;
  allow: readonly Allowance[];
  uses: number;
  used: number;
  expiresAt: Date;
}

/**
 * Judges a token that a caller presents.
 *
 * Unknown id and wrong secret get the same answer, and the secret is compared before anything else is said, so that
 * nobody without the secret learns whether a token exists, has expired or is used up.
 *
 * @throws {AppError} `link.token_unknown`, `link.token_expired`, `link.token_used_up`.
 */
export function checkToken(kept: KeptToken | null, presented: { secretSha256: Sha256 }, now: Date): KeptToken {
  const digest = kept?.secretSha256 ?? "0".repeat(64);
  if (!equalSecret(digest, presented.secretSha256) || kept === null) throw new AppError("link.token_unknown");
  if (now >= kept.expiresAt) throw new AppError("link.token_expired", { id: kept.id });
  if (kept.used >= kept.uses) throw new AppError("link.token_used_up", { id: kept.id });
  return kept;
}

import { randomBytes } from "node:crypto";
import type { Clock, Sha256 } from "@tms/records";
import { equalSecret } from "@tms/signing";
import { TEST_VALID_MS } from "./portal-settings.ts";

export interface TestToken {
  token: string;
  expiresAt: Date;
}

/** Remembers which values were tested, for ten minutes; a restart forgets, and the values are tested again. */
export interface TestTokens {
  issue(digest: Sha256): TestToken;
  covers(token: string | undefined, digest: Sha256): boolean;
}

const MAX_TOKENS = 64;

export function createTestTokens(clock: Clock): TestTokens {
  const issued = new Map<string, { digest: Sha256; expiresAt: Date }>();
  return {
    issue(digest) {
      const oldest = issued.keys().next().value;
      if (issued.size >= MAX_TOKENS && oldest !== undefined) issued.delete(oldest);
      const token = randomBytes(24).toString("base64url");
      const expiresAt = new Date(clock.now().getTime() + TEST_VALID_MS);
      issued.set(token, { digest, expiresAt });
      return { token, expiresAt };
    },
    covers(token, digest) {
      const known = token === undefined ? undefined : issued.get(token);
      return known !== undefined && clock.now() < known.expiresAt && equalSecret(known.digest, digest);
    },
  };
}

import { enrolmentTokenSchema } from "@tms/contracts/link";
import type { Sha256 } from "@tms/records";
import type { TokenFacts } from "./make-enrolment-token.ts";

/** Writes a token as an agent reads it: `tms1.` and base64url JSON (architecture, section 11). */
export function encodeToken(
  facts: TokenFacts,
  site: {
    addresses: { host: string; port: number }[];
    /** The one that every agent takes is the first. */
    caPins: Sha256[];
    consentKey: Buffer;
    recoveryRecipient: string | null;
  },
): string {
  const token = enrolmentTokenSchema.parse({
    addresses: site.addresses,
    caPin: site.caPins[0],
    ...(site.caPins.length > 1 ? { caPins: site.caPins } : {}),
    id: facts.id,
    secret: facts.secret,
    customer: facts.customer,
    patternRoot: facts.patternRoot,
    consentKey: site.consentKey.toString("base64"),
    recoveryRecipient: site.recoveryRecipient,
    allow: facts.allow,
    expiresAt: facts.expiresAt.toISOString(),
    uses: facts.uses,
  });
  return `tms1.${Buffer.from(JSON.stringify(token), "utf8").toString("base64url")}`;
}

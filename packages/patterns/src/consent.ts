import { AppError, type CustomerId, type EndpointId, isSha256, isUuid, type Sha256 } from "@tms/records";
import { equalSecret, openSigned, type SignedBytes, sealBytes } from "@tms/signing";
import { z } from "zod";
import { instantSchema } from "./manifest.ts";
import type { VerifiedPattern } from "./verify-pattern.ts";

// "Our site allows this". Checked apart from TUF, because a threshold cannot demand one particular key.

const sha256Schema = z.custom<Sha256>((value) => typeof value === "string" && isSha256(value));

/** The same form as `consentSchema` of contracts, read here from verified bytes. */
const consentBytesSchema = z.strictObject({
  schema: z.literal("tms.consent/1"),
  customer: z.custom<CustomerId>((value) => typeof value === "string" && isUuid(value)),
  targetDigest: sha256Schema,
  planDigest: sha256Schema,
  endpoints: z
    .array(z.custom<EndpointId>((value) => typeof value === "string" && isUuid(value)))
    .min(1)
    .max(100_000),
  expiresAt: instantSchema,
});

/** Signs the consent of a site to exactly this pattern with exactly this plan on exactly these endpoints. */
export function sealConsent(
  privatePkcs8Pem: string,
  pattern: { digest: Sha256; planDigest: Sha256 },
  given: { customer: CustomerId; endpoints: EndpointId[]; expiresAt: Date },
): SignedBytes {
  const consent = {
    schema: "tms.consent/1",
    customer: given.customer,
    targetDigest: pattern.digest,
    planDigest: pattern.planDigest,
    endpoints: given.endpoints,
    expiresAt: given.expiresAt.toISOString(),
  };
  return sealBytes(privatePkcs8Pem, Buffer.from(JSON.stringify(consent), "utf8"));
}

/**
 * Checks a consent for one pattern at one place.
 *
 * @param consentKey The pinned key of the mitigator, SPKI DER.
 * @throws {AppError} `consent.invalid`, with the reason in the details.
 */
export function verifyConsent(
  signed: SignedBytes,
  consentKey: Uint8Array,
  at: { pattern: VerifiedPattern; customer: CustomerId; endpoint: EndpointId; now: Date },
): void {
  const bytes = openSigned(signed, consentKey, "consent.invalid");
  const consent = parseConsent(bytes);
  const refuse = (reason: string) => new AppError("consent.invalid", { pattern: at.pattern.manifest.id, reason });
  if (consent.customer !== at.customer) throw refuse("another customer");
  if (!equalSecret(consent.targetDigest, at.pattern.digest)) throw refuse("another pattern");
  if (!equalSecret(consent.planDigest, at.pattern.planDigest)) throw refuse("another plan");
  if (!consent.endpoints.includes(at.endpoint)) throw refuse("another endpoint");
  if (at.now >= new Date(consent.expiresAt)) throw refuse("expired");
}

function parseConsent(bytes: Uint8Array): z.infer<typeof consentBytesSchema> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw new AppError("consent.invalid", { reason: "no JSON" }, { cause: error });
  }
  const parsed = consentBytesSchema.safeParse(value);
  if (!parsed.success) throw new AppError("consent.invalid", { reason: "form" }, { cause: parsed.error });
  return parsed.data;
}

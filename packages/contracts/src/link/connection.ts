import { z } from "zod";
import {
  addressSchema,
  customerIdSchema,
  hostSchema,
  instantSchema,
  nameSchema,
  portSchema,
  sha256Schema,
} from "../scalars.ts";

/** What a customer needs to register; never holds the password. */
export const connectionDetailsSchema = z.object({
  schema: z.literal("tms.connection/1"),
  customer: z.object({ id: customerIdSchema, name: nameSchema }),
  statusServer: addressSchema,
  logServer: z.object({ ssl: addressSchema, ssh: addressSchema }),
  /** SHA-256 of the CA's SubjectPublicKeyInfo; several while a CA rolls over. */
  caPins: z.array(sha256Schema).min(1).max(4),
  /** OpenSSH form: `SHA256:` and base64 without padding. */
  sshHostKeys: z
    .array(z.string().regex(/^SHA256:[0-9A-Za-z+/]{43}$/))
    .min(1)
    .max(8),
  /** SHA-256 of the pattern repository's root version 1. */
  patternRoot: sha256Schema,
  userName: z.string().min(1).max(64),
});
export type ConnectionDetails = z.infer<typeof connectionDetailsSchema>;

/** What an enrolment token holds after `tms1.`; base64url of this JSON. */
export const enrolmentTokenSchema = z.object({
  addresses: z
    .array(z.object({ host: hostSchema, port: portSchema }))
    .min(1)
    .max(8),
  caPin: sha256Schema,
  /** While a CA rolls over: all that may be met, `caPin` among them. */
  caPins: z.array(sha256Schema).min(1).max(4).optional(),
  id: z.string().regex(/^[0-9a-f-]{36}$/),
  secret: z.string().min(32).max(128),
  customer: customerIdSchema,
  patternRoot: sha256Schema,
  /** SPKI, DER, base64, of the mitigator's consent key (Ed25519). */
  consentKey: z.string().max(200),
  /** age recipient of the customer's offline recovery key; null where the customer keeps none. */
  recoveryRecipient: z.string().max(200).nullable(),
  allow: z.array(z.enum(["scan", "collect", "cleanup", "restore", "undo", "pause"])).max(8),
  expiresAt: instantSchema,
  uses: z.int().min(1).max(100000),
});
export type EnrolmentToken = z.infer<typeof enrolmentTokenSchema>;

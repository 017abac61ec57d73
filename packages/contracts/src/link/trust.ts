import { z } from "zod";
import { sha256Schema } from "../scalars.ts";

// How an upper party's CA and SSH host key roll over: it announces by what it may be known, and each lower party says by
// what it knows it. Bounds here are wide; what an announcement must hold is judged where it is taken.

/** What a lower party trusts its upper party by; said in every heartbeat, which so confirms an announcement. */
export const trustReportSchema = z.object({
  /** SHA-256 of the SubjectPublicKeyInfo of each trusted CA. */
  caPins: z.array(sha256Schema).max(8),
  /** OpenSSH fingerprints. */
  sshHostKeys: z.array(z.string().max(64)).max(8),
});
export type TrustReport = z.infer<typeof trustReportSchema>;

/** By what the upper party may be known from now on: all of it, not only what is new. */
export const trustAnnouncementSchema = z.object({
  authorities: z
    .array(
      z.object({
        /** PEM, self-signed. */
        certificate: z.string().max(16_384),
        /** PEM: the same key, certified by the CA before. Without it only who trusts the key already takes it. */
        crossSigned: z.string().max(16_384).optional(),
      }),
    )
    .max(64),
  sshHostKeys: z.array(z.string().max(1024)).max(64),
});
export type TrustAnnouncement = z.infer<typeof trustAnnouncementSchema>;

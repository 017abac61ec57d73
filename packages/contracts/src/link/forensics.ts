import { z } from "zod";
import {
  base64Schema,
  caseIdSchema,
  countSchema,
  customerIdSchema,
  endpointIdSchema,
  foreignTextSchema,
  instantSchema,
  packageIdSchema,
  sha256Schema,
  threatIdSchema,
} from "../scalars.ts";

/**
 * `manifest.json`, the first entry of a forensic package (a tar, then age). `manifest.sig` beside it holds the agent's
 * Ed25519 signature over the manifest's stored bytes, base64.
 */
export const packageManifestSchema = z.object({
  schema: z.literal("tms.package/1"),
  id: packageIdSchema,
  case: caseIdSchema,
  customer: customerIdSchema,
  endpoint: endpointIdSchema,
  host: z.string().max(255),
  threats: z.array(threatIdSchema).max(100),
  collectedAt: instantSchema,
  agentVersion: z.string().max(32),
  items: z
    .array(
      z.object({
        /** Name inside the archive: `items/0001`; never a path from the endpoint. */
        name: z
          .string()
          .regex(/^items\/[0-9]{4,6}$/)
          .nullable(),
        kind: z.enum(["file", "process", "persistence", "chain", "event", "scan", "system"]),
        /** What was asked for, as text for people; a path is base64 in `pathBytes` too, since names need not be UTF-8. */
        asked: foreignTextSchema,
        pathBytes: base64Schema.max(16384).optional(),
        got: z.enum(["whole", "part", "nothing"]),
        why: z.string().max(500).optional(),
        sizeBytes: countSchema,
        sha256: sha256Schema.nullable(),
      }),
    )
    .max(10_000),
});
export type PackageManifest = z.infer<typeof packageManifestSchema>;

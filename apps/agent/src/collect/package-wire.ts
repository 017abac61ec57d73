import { packageManifestSchema } from "@tms/contracts/link";

export type { PackageManifest } from "@tms/contracts/link";

/** The manifest's stored bytes; checked against the contract before anybody signs them. */
export function manifestBytes(manifest: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(packageManifestSchema.parse(manifest), null, 1)}\n`, "utf8");
}

import { createHash } from "node:crypto";
import type { Sha256 } from "@tms/records";

/** SHA-256 of bytes (text is taken as UTF-8), lower-case hexadecimal. */
export function sha256Of(bytes: Uint8Array | string): Sha256 {
  return createHash("sha256").update(bytes).digest("hex") as Sha256;
}

import { timingSafeEqual } from "node:crypto";

/**
 * Compares two secrets in a time that depends on their lengths alone. The only place that compares secrets (R28).
 *
 * @param a Bytes, or text taken as UTF-8.
 */
export function equalSecret(a: Uint8Array | string, b: Uint8Array | string): boolean {
  const left = typeof a === "string" ? Buffer.from(a, "utf8") : a;
  const right = typeof b === "string" ? Buffer.from(b, "utf8") : b;
  return left.length === right.length && timingSafeEqual(left, right);
}

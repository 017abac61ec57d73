import { createHash } from "node:crypto";
import type { Sha256 } from "@tms/records";

export const CUSTODY_ACTIONS = [
  "upload-begun",
  "upload-resumed",
  "upload-finished",
  "verified",
  "downloaded",
  "erased",
] as const;
export type CustodyAction = (typeof CUSTODY_ACTIONS)[number];

export interface CustodyEntry {
  at: Date;
  who: string;
  action: CustodyAction;
  detail: string;
  hash: Sha256;
}

/**
 * The next link of a package's custody chain: SHA-256 over the hash before it and this entry, so that no entry can be
 * changed, dropped or put in later without changing every hash after it.
 */
export function custodyHash(previous: Sha256 | null, entry: Omit<CustodyEntry, "hash">): Sha256 {
  const text = JSON.stringify([previous, entry.at.toISOString(), entry.who, entry.action, entry.detail]);
  return createHash("sha256").update(text).digest("hex") as Sha256;
}

/** Index of the first entry whose hash does not follow from the ones before; null if the chain holds. */
export function firstBrokenLink(entries: readonly CustodyEntry[]): number | null {
  let previous: Sha256 | null = null;
  for (const [index, entry] of entries.entries()) {
    if (custodyHash(previous, entry) !== entry.hash) return index;
    previous = entry.hash;
  }
  return null;
}

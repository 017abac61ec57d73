import { middleTruncate } from "./middle-truncate.ts";
import { countText } from "./numbers.tsx";

/**
 * A server's sentence as people read it: hashes and fingerprints lose their middle, bytes get separators.
 * What Copy copies is the whole text.
 */
export function plainFact(text: string): string {
  return text
    .replace(/\b[0-9a-f]{64}\b/g, (hash) => middleTruncate(hash, "hash"))
    .replace(/\bSHA256:[A-Za-z0-9+/]{43}/g, (fingerprint) => middleTruncate(fingerprint, "fingerprint"))
    .replace(/\b\d{4,15}(?= (?:encrypted )?bytes\b)/g, (count) => countText(Number(count)));
}

import { crc32 } from "node:zlib";

// Small durable memories carry a checksum, so that a bit that flipped on disk is no other memory but none.

/** A value as JSON with the checksum of its text in the field `sum`. */
export function withSum(value: object): string {
  const text = JSON.stringify(value);
  return `${text.slice(0, -1)},"sum":"${sumText(text)}"}`;
}

/** The value; null if it is damaged. What was written before there were checksums is believed if it is JSON. */
export function readSummed(text: string): object | null {
  try {
    const { sum, ...value } = JSON.parse(text) as Record<string, unknown>;
    return sum === undefined || sum === sumText(JSON.stringify(value)) ? value : null;
  } catch {
    // No JSON any more: the same outcome as a sum that does not agree.
    return null;
  }
}

function sumText(text: string): string {
  return crc32(Buffer.from(text, "utf8")).toString(16).padStart(8, "0");
}

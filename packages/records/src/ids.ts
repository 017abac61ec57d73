/** Makes two kinds of identity impossible to swap, at no cost at run time. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };

export type CustomerId = Brand<string, "CustomerId">;
/** A registered product; to a mitigator each of its agents is one. */
export type ProductId = Brand<string, "ProductId">;
export type EndpointId = Brand<string, "EndpointId">;
export type RecordId = Brand<string, "RecordId">;
export type ThreatId = Brand<string, "ThreatId">;
export type ChainId = Brand<string, "ChainId">;
export type CaseId = Brand<string, "CaseId">;
export type PackageId = Brand<string, "PackageId">;
export type IncidentId = Brand<string, "IncidentId">;
export type DirectiveId = Brand<string, "DirectiveId">;
export type AccountId = Brand<string, "AccountId">;
/** `CP-` and a text that tells it apart at its customer, made by whoever drafts the pattern. */
export type PatternId = Brand<string, "PatternId">;
/** Random per stream; a new one whenever numbers may have been lost. */
export type Epoch = Brand<string, "Epoch">;
/** Lower-case hexadecimal SHA-256. */
export type Sha256 = Brand<string, "Sha256">;

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function isUuid(text: string): boolean {
  return UUID_PATTERN.test(text);
}

export function isSha256(text: string): text is Sha256 {
  return /^[0-9a-f]{64}$/.test(text);
}

/**
 * Builds a UUIDv7 from a time and ten random bytes.
 *
 * @param unixMs Milliseconds since 1970, the sort key of the id.
 * @param random At least ten bytes from a cryptographic source.
 * @see RFC 9562, section 5.7
 */
export function uuidV7(unixMs: number, random: Uint8Array): string {
  const bytes = new Uint8Array(16);
  for (let index = 0; index < 6; index += 1) bytes[index] = Math.floor(unixMs / 2 ** (8 * (5 - index))) & 0xff;
  bytes.set(random.subarray(0, 10), 6);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** A fresh UUIDv7 of the named brand, from the platform's clock and random source: `newId<CaseId>()`. */
export function newId<Id extends string>(): Id {
  return uuidV7(Date.now(), crypto.getRandomValues(new Uint8Array(10))) as Id;
}

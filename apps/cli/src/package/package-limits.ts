/** What an expert's machine takes from an endpoint; the portal's own limit for the encrypted package is below these. */
export const PACKAGE_LIMITS = {
  maxEntries: 10_002,
  maxEntryBytes: 2 * 1024 ** 3,
  maxTotalBytes: 8 * 1024 ** 3,
};
export const MAX_MANIFEST_BYTES = 8_000_000;

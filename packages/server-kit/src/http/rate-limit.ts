import { isIPv6 } from "node:net";
import type { Clock } from "@tms/records";

/** Addresses remembered per limiter. 20,000 buckets are about 3 MB; beyond that the one idle longest goes. */
const MAX_BUCKETS = 20_000;

export interface RateLimiter {
  /** Takes one request of this key; gives 0, or the seconds until the next one may come. */
  take(key: string, perMinute: number): number;
}

/** Token buckets: a minute's worth may come at once, then they flow in evenly. */
export function createRateLimiter(options: { clock: Clock; maxBuckets?: number }): RateLimiter {
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  const maxBuckets = options.maxBuckets ?? MAX_BUCKETS;
  return {
    take(key, perMinute) {
      const nowMs = options.clock.now().getTime();
      const known = buckets.get(key);
      const tokens =
        known === undefined
          ? perMinute
          : Math.min(perMinute, known.tokens + (Math.max(0, nowMs - known.atMs) * perMinute) / 60_000);
      // Deleting first keeps the map in order of last use.
      buckets.delete(key);
      const allowed = tokens >= 1;
      buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, atMs: nowMs });
      if (buckets.size > maxBuckets) {
        for (const oldest of buckets.keys()) {
          buckets.delete(oldest);
          break;
        }
      }
      return allowed ? 0 : Math.max(1, Math.ceil(((1 - tokens) * 60) / perMinute));
    },
  };
}

/** One key for whoever holds the address: a /64 of IPv6 is one household, an IPv4-mapped address is its IPv4. */
export function addressKey(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [left = "", right] = (address.split("%")[0] ?? "").split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = right === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...Array<string>(zeros).fill("0"), ...tail];
  return `${groups.slice(0, 4).join(":")}::/64`;
}

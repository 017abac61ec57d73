import { AppError, type Clock, type ErrorCode, systemClock } from "@tms/records";

export interface ThrottleOptions {
  /** Tries that may fail before the wait. */
  tries?: number;
  /** How long one must wait after the last try, in milliseconds. */
  waitMs?: number;
  /** The code that is thrown during the wait. */
  code?: ErrorCode;
  clock?: Clock;
  /** Bounds memory; over it the key that was quiet longest is forgotten. */
  maxKeys?: number;
}

export interface Throttle {
  /**
   * Counts a try before it is made, so that many at once do not all pass.
   *
   * @throws {AppError} `session.throttled` (or the given code); such a call is not counted, the wait ends by itself.
   */
  begin(key: string): void;
  /** The try succeeded: the key starts afresh. */
  succeeded(key: string): void;
}

const TRIES = 5;
const WAIT_MS = 60_000;
const MAX_KEYS = 10_000;

/** Makes whoever guesses wait: after five failures per key, a minute. */
export function createThrottle(options: ThrottleOptions = {}): Throttle {
  const clock = options.clock ?? systemClock;
  const tries = options.tries ?? TRIES;
  const waitMs = options.waitMs ?? WAIT_MS;
  const maxKeys = options.maxKeys ?? MAX_KEYS;
  const seen = new Map<string, { count: number; lastAtMs: number }>();
  return {
    begin(key) {
      const nowMs = clock.now().getTime();
      const before = seen.get(key);
      const known = before !== undefined && nowMs - before.lastAtMs < waitMs ? before.count : 0;
      if (before !== undefined && known >= tries) {
        const retryAfterSeconds = Math.ceil((before.lastAtMs + waitMs - nowMs) / 1000);
        throw new AppError(options.code ?? "session.throttled", { retryAfterSeconds });
      }
      seen.delete(key);
      seen.set(key, { count: known + 1, lastAtMs: nowMs });
      const [quietest] = seen.keys();
      if (seen.size > maxKeys && quietest !== undefined) seen.delete(quietest);
    },
    succeeded(key) {
      seen.delete(key);
    },
  };
}

import { AppError, type Clock, type CustomerScope, type ProviderScope } from "@tms/records";
import type { Customer } from "./customer.ts";

// Credentials of a customer: they buy a product's certificate and answer the test log-on.
// C1  A wrong user name costs as much time as a wrong password: a hash is verified either way.
// C2  Tries are counted per address and per user name; over the bound nothing is verified at all.

/** Wrong tries within one minute, per address and per user name. */
const MAX_WRONG = 10;
const WINDOW_MS = 60_000;
/** Bounds the memory of the throttle; over it the oldest entry goes. */
const MAX_REMEMBERED = 10_000;

export interface CheckCredentialsDeps {
  findByUserName(scope: ProviderScope, userName: string): Promise<{ customer: Customer; passwordHash: string } | null>;
  verifyPassword(hash: string, password: string): Promise<boolean>;
  /** Verified when the user name is unknown (C1). */
  decoyHash: string;
  scope: ProviderScope;
  clock: Clock;
}

/**
 * Checks user name and password.
 *
 * @throws {AppError} `link.credentials_wrong`, `link.credentials_throttled`.
 */
export function createCheckCredentials(deps: CheckCredentialsDeps) {
  const wrong = new Map<string, number[]>();

  function recentOf(key: string): number[] {
    const after = deps.clock.now().getTime() - WINDOW_MS;
    return (wrong.get(key) ?? []).filter((at) => at > after);
  }

  /** Counted before the try is made, so that many at once do not all pass. */
  function countTry(key: string): void {
    const recent = [...recentOf(key), deps.clock.now().getTime()];
    wrong.delete(key);
    wrong.set(key, recent);
    const oldest = wrong.keys().next().value;
    if (wrong.size > MAX_REMEMBERED && oldest !== undefined) wrong.delete(oldest);
  }

  function takeBack(key: string): void {
    wrong.set(key, recentOf(key).slice(0, -1));
  }

  function secondsUntilFree(key: string): number {
    const recent = recentOf(key);
    const blocking = recent[recent.length - MAX_WRONG];
    if (blocking === undefined) return 0;
    return Math.max(1, Math.ceil((blocking + WINDOW_MS - deps.clock.now().getTime()) / 1000));
  }

  async function judged(userName: string, password: string): Promise<Customer | null> {
    const found = await deps.findByUserName(deps.scope, userName);
    const isRight = await deps.verifyPassword(found?.passwordHash ?? deps.decoyHash, password);
    return isRight ? (found?.customer ?? null) : null;
  }

  return async function checkCredentials(
    userName: string,
    password: string,
    fromAddress: string,
  ): Promise<CustomerScope> {
    const keys = [`address ${fromAddress}`, `name ${userName}`];
    const retryAfterSeconds = Math.max(...keys.map(secondsUntilFree));
    if (retryAfterSeconds > 0) throw new AppError("link.credentials_throttled", { fromAddress, retryAfterSeconds });
    for (const key of keys) countTry(key);
    const found = await judged(userName, password).catch((error: unknown) => {
      // Nobody was judged, as when too many wait for their hash: that is no wrong try.
      for (const key of keys) takeBack(key);
      throw error;
    });
    if (found === null) throw new AppError("link.credentials_wrong", { fromAddress });
    for (const key of keys) takeBack(key);
    return { customer: found.id };
  };
}

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

  return async function checkCredentials(
    userName: string,
    password: string,
    fromAddress: string,
  ): Promise<CustomerScope> {
    const keys = [`address ${fromAddress}`, `name ${userName}`];
    if (keys.some((key) => recentOf(key).length >= MAX_WRONG)) {
      throw new AppError("link.credentials_throttled", { fromAddress });
    }
    for (const key of keys) countTry(key);
    const found = await deps.findByUserName(deps.scope, userName);
    const isRight = await deps.verifyPassword(found?.passwordHash ?? deps.decoyHash, password);
    if (found === null || !isRight) throw new AppError("link.credentials_wrong", { fromAddress });
    for (const key of keys) takeBack(key);
    return { customer: found.customer.id };
  };
}

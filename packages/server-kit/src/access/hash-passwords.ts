import { randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";
import { AppError } from "@tms/records";

/** argon2id (the library's own kind), OWASP's first choice: m = 19 MiB, t = 2; 14–17 ms of one core each (notes). */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Two at once leave the rest of two cores' time to everybody else; 32 that wait are half a second. */
const MAX_AT_ONCE = 2;
const MAX_WAITING = 32;
/** Longer input only costs time; the contract's bound is 256 characters. */
const MAX_PASSWORD_BYTES = 1024;

export interface PasswordHasher {
  hash(password: string): Promise<string>;
  /** False for a wrong password, and for a hash that is none. */
  verify(passwordHash: string, password: string): Promise<boolean>;
  /** A hash that no password has: verified when a name is unknown, so that both answers take the same time. */
  decoyHash: string;
}

/**
 * Makes the process's hasher: share one, because its bound is per hasher.
 *
 * @throws {AppError} (each call) `request.rate_limited` when too many wait already.
 */
export async function createPasswordHasher(options: { maxWaiting?: number } = {}): Promise<PasswordHasher> {
  const inTurn = createQueue({ atOnce: MAX_AT_ONCE, waiting: options.maxWaiting ?? MAX_WAITING });
  return {
    decoyHash: await hash(randomBytes(32), COST),
    hash: (password) => inTurn(() => hash(bounded(password), COST)),
    verify: (passwordHash, password) => inTurn(() => isRight(passwordHash, password)),
  };
}

async function isRight(passwordHash: string, password: string): Promise<boolean> {
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) return false;
  return verify(passwordHash, password);
}

function bounded(password: string): string {
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) throw new AppError("request.too_large");
  return password;
}

/** Runs some at once, lets some wait in order, refuses the rest. */
export function createQueue(bounds: { atOnce: number; waiting: number }) {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (running >= bounds.atOnce) {
      if (waiting.length >= bounds.waiting)
        throw new AppError("request.rate_limited", { queue: "password hashes", retryAfterSeconds: 1 });
      // Whoever ends hands its place over, so `running` does not change here.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

import { AppError, type ErrorCode } from "@tms/records";

/** What follows from a failure: try again, or stop and show the cure. */
export type LinkFailure = "retryable" | "fatal";

const FATAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "link.identity_required",
  "link.identity_unknown",
  "link.identity_revoked",
  "link.identity_clone",
  "link.identity_expired",
  "link.credentials_wrong",
  "link.version_unknown",
  "link.signature_invalid",
]);

/** Judges a failure by its code; only what no repetition can heal is fatal. */
export function judgeFailure(error: unknown): LinkFailure {
  return error instanceof AppError && FATAL.has(error.code) ? "fatal" : "retryable";
}

const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "link.unreachable",
  "link.protocol_wrong",
  "link.timeout",
  "request.rate_limited",
  "limit.bytes_per_day",
  "limit.package_size",
  "limit.requests_per_second",
  "store.unavailable",
  "store.disk_low",
  "server.internal",
]);

/** Whether the line, its proxy or the party above failed for the moment, so that the same call may well succeed later. */
export function isPassingFailure(error: unknown): boolean {
  return error instanceof AppError && (PASSING.has(error.code) || error.code.startsWith("proxy."));
}

export function asLinkError(error: unknown): AppError {
  return error instanceof AppError ? error : new AppError("link.unreachable", {}, { cause: error });
}

const FIRST_DELAY_MS = 500;
/** The return of many after an outage is spread over this. */
const MAX_DELAY_MS = 60_000;

/** Whatever an upper party asks for, it is tried again after this. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Whether the upper party said when to come again. */
export function asksForPause(error: AppError): boolean {
  return typeof error.details.retryAfterSeconds === "number";
}

/** The pause after a failure: what the upper party asked for, or the back-off if that is longer. */
export function pauseAfter(error: AppError, failures: number, random: () => number): number {
  const { retryAfterSeconds } = error.details;
  const asked = typeof retryAfterSeconds === "number" ? Math.min(MAX_RETRY_AFTER_MS, retryAfterSeconds * 1000) : 0;
  return Math.max(asked, backoffMs(failures, random));
}

/** Exponential back-off with full jitter: anything from nothing to the ceiling, so that nobody returns in step. */
export function backoffMs(failures: number, random: () => number): number {
  return Math.floor(random() * Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures, 16)));
}

import { ERRORS, type ErrorCode, type ErrorRow } from "./errors/index.ts";

/**
 * The one error class (R18): a stable code, its row in the table, and private details for the log.
 *
 * `details` are for us and may be logged; they never hold secrets or file contents and never leave the process.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, details: Record<string, unknown> = {}, options?: { cause?: unknown }) {
    super(`${code} ${JSON.stringify(details)}`, options);
    this.name = "AppError";
    this.code = code;
    this.details = details;
  }

  get row(): ErrorRow {
    return ERRORS[this.code];
  }
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}

/** Rebuilds the error an upper party answered; an unknown code (a newer peer's) becomes `link.refused`. */
export function errorFromCode(code: string, details: Record<string, unknown> = {}): AppError {
  return isErrorCode(code) ? new AppError(code, details) : new AppError("link.refused", { ...details, peerCode: code });
}

import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { AppError, type ErrorCode } from "@tms/records";

const LOOK_EVERY_MS = 150;

/** A step of the loop that did not come true in time. */
export class StepFailed extends Error {
  readonly code: ErrorCode;
  readonly cure: string;

  constructor(code: ErrorCode, cure: string, options?: { cause?: unknown }) {
    super(`${code}: ${cure}`, options);
    this.name = "StepFailed";
    this.code = code;
    this.cure = cure;
  }
}

/**
 * Looks again and again until something is there.
 *
 * @param look Answers null while it is not there yet; what it throws while processes restart counts as "not yet".
 * @throws {StepFailed} `link.timeout` after `seconds`, with what the last look threw as its cause.
 */
export async function until<T>(what: string, seconds: number, look: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      const found = await look();
      if (found !== null) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await pause(LOOK_EVERY_MS);
  }
  const why = last === undefined ? "" : ` (last: ${String(last)})`;
  throw new StepFailed(
    "link.timeout",
    `${what} did not come within ${seconds} s${why}. Look at the logs in the data directory.`,
    { cause: last },
  );
}

/** Resolves when a person wants to stop, also one who wanted it before anybody asked: an event alone would be missed. */
export async function stopped(stop: AbortSignal): Promise<null> {
  if (!stop.aborted) await once(stop, "abort");
  return null;
}

export function failureOf(error: unknown): { code: string; cure: string } {
  if (error instanceof StepFailed) return { code: error.code, cure: error.cure };
  if (error instanceof AppError)
    return { code: error.code, cure: `${error.row.cure} ${JSON.stringify(error.details)}` };
  const coded = error as { code?: unknown; cure?: unknown };
  if (typeof coded.code === "string") return { code: coded.code, cure: String(coded.cure ?? error) };
  return { code: "server.internal", cure: String(error) };
}

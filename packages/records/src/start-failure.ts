import { AppError } from "./app-error.ts";

/** The last line on standard output of a server that did not start ; every command ends in one JSON object. */
export interface StartFailure {
  exit: 1 | 2;
  line: { schema: "tms.process/1"; ok: false; code: string; text: string; cure: string; details: object };
}

/** @returns Exit 2 for a configuration that cannot be used, else 1; an error without a code is the program's own fault. */
export function startFailureOf(error: unknown): StartFailure {
  const known = error instanceof AppError ? error : new AppError("server.internal");
  const { code, details } = known;
  const { text, cure } = known.row;
  return {
    exit: code === "start.config_invalid" ? 2 : 1,
    line: { schema: "tms.process/1", ok: false, code, text, cure, details },
  };
}

import { ApiError } from "@tms/contracts";
import { AppError, type ErrorCode } from "@tms/records";
import type { Command, CommandResult, ExitCode } from "./command.ts";

/** Failures of the call itself; everything else that has a code was judged. */
const BAD_CALL: readonly ErrorCode[] = [
  "cli.usage",
  "cli.command_unknown",
  "cli.input_unreadable",
  "cli.output_exists",
  "keys.exists",
  "keys.unreadable",
  "keys.passphrase_wrong",
];

/** What this machine cannot judge, whatever the truth is. */
const NOT_HERE: readonly ErrorCode[] = [
  "pattern.goodware_too_small",
  "verify.root_missing",
  "verify.kind_unknown",
  "link.unreachable",
  "link.protocol_wrong",
  "link.timeout",
  "link.name_unknown",
  "start.package_missing",
  "scan.engine_failed",
  "start.process_failed",
  "doctor.nothing_configured",
  "store.unavailable",
  "store.never_made",
];

/** The last line of a command that failed: code, text and cure, and nothing that is only for us. */
export function failureOf(command: Pick<Command, "schema">, error: unknown): CommandResult {
  if (error instanceof AppError) {
    const { text, cure } = error.row;
    const { details } = error;
    return {
      exit: exitOf(error.code),
      line: { schema: command.schema, ok: false, code: error.code, text, cure, details },
    };
  }
  if (error instanceof ApiError) {
    const { code, cure, message, requestId, fields } = error;
    const line = { schema: command.schema, ok: false, code, text: message, cure, details: { requestId, fields } };
    return { exit: error.status >= 500 ? 3 : 1, line };
  }
  const text = error instanceof Error ? error.message : String(error);
  return { exit: 3, line: { schema: command.schema, ok: false, code: "server.internal", text, cure: "Report this." } };
}

/** The same for a person, with the details that name the place. */
export function sentenceOf({ line }: CommandResult): string {
  const details = Object.entries((line.details ?? {}) as object)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([key, value]) => `${key}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(", ");
  return `${String(line.text)} ${String(line.cure)}${details === "" ? "" : ` (${details})`}`;
}

function exitOf(code: ErrorCode): ExitCode {
  if (BAD_CALL.includes(code)) return 2;
  return NOT_HERE.includes(code) ? 3 : 1;
}

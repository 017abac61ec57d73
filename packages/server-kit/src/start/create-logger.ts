import { AppError } from "@tms/records";
import { type Logger, pino } from "pino";

export type { Logger };

export interface LoggerOptions {
  /** Which process speaks: `portal`, `mitigator`. */
  name: string;
  /** Made with mode 0600; without it, lines go to stderr. */
  file?: string | undefined;
  level?: "error" | "warn" | "info" | "debug" | undefined;
}

/** Keys that are removed wherever they stand at the top or one level down (R21). */
const SECRET_KEYS = [
  "password",
  "passwordHash",
  "token",
  "secret",
  "passphrase",
  "privateKey",
  "authorization",
  "cookie",
  "body",
];

/** Makes the one logger of a process: JSON, one line a message, secrets removed, causes of errors kept. */
export function createLogger(options: LoggerOptions): Logger {
  const destination =
    options.file === undefined
      ? pino.destination({ dest: 2, sync: true })
      : pino.destination({ dest: options.file, sync: true, mkdir: true, append: true, mode: 0o600 });
  return pino(
    {
      name: options.name,
      level: options.level ?? "info",
      base: { name: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.headers.${key}`, `headers.${key}`]),
        remove: true,
      },
      serializers: { err: (error: unknown) => errorForLog(error) },
    },
    destination,
  );
}

/** Deep enough for any honest chain of causes, and an end for a circular one. */
const MAX_CAUSES = 8;

export function errorForLog(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const shown: Record<string, unknown> = { type: error.name, message: error.message, stack: error.stack };
  if (error instanceof AppError) {
    shown.code = error.code;
    shown.details = error.details;
  } else if ("code" in error) shown.code = error.code;
  if (error.cause !== undefined && depth < MAX_CAUSES) shown.cause = errorForLog(error.cause, depth + 1);
  return shown;
}

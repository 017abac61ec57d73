import { readFileSync } from "node:fs";
import { AppError } from "@tms/records";
import type { z } from "zod";

/** A configuration is a page of text; anything longer is the wrong file. */
const MAX_CONFIG_BYTES = 1024 * 1024;

export interface ConfigSource {
  /** A JSON file; absent when the environment alone configures. */
  file?: string | undefined;
  env: Readonly<Record<string, string | undefined>>;
  /** Which variable sets which key: `{ TMS_DATABASE_URL: "database.url" }`. The environment wins over the file. */
  fromEnv?: Readonly<Record<string, string>> | undefined;
}

/**
 * Reads a configuration once, at the edge, and gives it typed.
 *
 * @throws {AppError} `start.config_invalid` naming the file and the first wrong key, never a value: it may be a secret.
 */
export function loadConfig<Schema extends z.ZodType>(schema: Schema, source: ConfigSource): z.output<Schema> {
  const raw = source.file === undefined ? {} : readJson(source.file);
  for (const [variable, key] of Object.entries(source.fromEnv ?? {})) {
    const value = source.env[variable];
    if (value !== undefined && value !== "") setKey(raw, key.split("."), value);
  }
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new AppError("start.config_invalid", {
    file: source.file,
    key: issue?.path.join(".") || "(top)",
    problem: issue?.message,
  });
}

function readJson(file: string): Record<string, unknown> {
  try {
    const text = readFileSync(file, "utf8");
    if (text.length > MAX_CONFIG_BYTES) throw new RangeError("longer than 1 MiB");
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
    throw new TypeError("not a JSON object");
  } catch (error) {
    // JSON.parse quotes the text it stumbles over, which may be a password: only the kind of failure is told.
    const problem = error instanceof SyntaxError ? "not valid JSON" : String((error as Error).message);
    throw new AppError("start.config_invalid", { file, problem });
  }
}

function setKey(target: Record<string, unknown>, path: readonly string[], value: string): void {
  const [first, ...rest] = path;
  if (first === undefined) return;
  if (rest.length === 0) {
    target[first] = value;
    return;
  }
  const inner = target[first];
  const next = isObject(inner) ? inner : {};
  target[first] = next;
  setKey(next, rest, value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

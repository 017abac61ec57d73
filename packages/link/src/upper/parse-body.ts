import { AppError } from "@tms/records";
import type { z } from "zod";

/**
 * Parses what a lower party sent.
 *
 * @throws {AppError} `link.version_unknown` if it speaks another version, else `request.malformed` with field paths.
 */
export function parseBody<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const version = (value as { v?: unknown } | null)?.v;
  if (typeof version === "string" && version !== "link/1") {
    throw new AppError("link.version_unknown", { version: version.slice(0, 32) });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues
    .slice(0, 16)
    .map((issue) => ({ path: issue.path.join("."), message: issue.message }));
  throw new AppError("request.malformed", { fields });
}

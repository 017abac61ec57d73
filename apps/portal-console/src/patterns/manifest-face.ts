import { bytesText } from "@tms/console-kit";
import { z } from "zod";

// The part of a pattern's manifest that the page shows. The manifest itself was judged where it was made and signed;
// what does not have this form is shown as text and nothing else.

const text = z.string().max(8192);

export const manifestFaceSchema = z.object({
  expires: text.optional(),
  severity: text.optional(),
  endpoints: z.array(text).max(100_000).default([]),
  limits: z.record(z.string(), z.number()).default({}),
  rules: z
    .array(z.object({ id: text, kind: text }))
    .max(1000)
    .default([]),
  cleanup: z
    .array(z.object({ step: text, verb: text, target: z.unknown().optional() }))
    .max(1000)
    .default([]),
});
export type ManifestFace = z.infer<typeof manifestFaceSchema>;

/** A step's target as text: where it comes from, or which path or line it names. */
export function targetText(target: unknown): string {
  if (typeof target === "string") return target;
  if (target === null || typeof target !== "object") return "";
  const from = "from" in target && Object.keys(target).length === 1 ? ORIGIN[String(target.from)] : undefined;
  if (from !== undefined) return from;
  return Object.entries(target)
    .map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
}

/** Targets that a manifest does not name but that the endpoint finds, in words. */
const ORIGIN: Record<string, string> = {
  "detected-file": "the detected file",
  "processes-holding-detected": "processes that hold the detected file",
  "persistence-naming-detected": "lines that would start the detected file again",
};

/** The same for a check, which names the origin alone. */
export function originText(target: string): string {
  return ORIGIN[target] ?? target;
}

const VERB: Record<string, string> = {
  "process.kill": "End",
  "persist.removeLine": "Remove",
  "file.quarantine": "Quarantine",
  verify: "Look again for",
};

export function verbText(verb: string): string {
  return VERB[verb] ?? verb;
}

const LIMIT: Record<string, (limit: number) => string> = {
  maxKills: (limit) => `${limit} processes`,
  maxFiles: (limit) => `${limit} files`,
  maxBytes: (limit) => bytesText(limit),
  deadlineSeconds: (limit) => `${limit} s`,
};

/** "at most 20 processes, 4 files, 1 MiB, 120 s": beyond it the agent stops. */
export function limitText(limits: Record<string, number>): string {
  return Object.entries(limits)
    .map(([name, limit]) => LIMIT[name]?.(limit) ?? `${name} ${limit}`)
    .join(", ");
}

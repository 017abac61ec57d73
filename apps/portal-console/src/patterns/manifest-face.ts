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
  return Object.entries(target)
    .map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
}

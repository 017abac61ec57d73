import { AppError, VERBS } from "@tms/records";
import type { z } from "zod";
import { type CleanupStep, MAX_PATTERN_BYTES, type PatternManifest, patternManifestSchema } from "./manifest.ts";
import { isProtectedPath, isWithin } from "./safe-path.ts";

/**
 * Parses a pattern's stored bytes: the form, then the rules that a form cannot say.
 *
 * @param bytes The manifest as stored and signed; at most `MAX_PATTERN_BYTES`.
 * @throws {AppError} `pattern.manifest_malformed` with `fields`, `pattern.verb_unknown`, `pattern.target_outside`.
 */
export function parsePattern(bytes: Uint8Array): PatternManifest {
  if (bytes.length > MAX_PATTERN_BYTES)
    throw malformed([{ path: "", message: `more than ${MAX_PATTERN_BYTES} bytes` }]);
  const value = parseJson(bytes);
  refuseUnknownVerbs(value);
  const parsed = patternManifestSchema.safeParse(value);
  if (!parsed.success) throw errorOf(parsed.error);
  refuseContradictions(parsed.data);
  for (const step of parsed.data.cleanup) refuseOutside(step);
  return parsed.data;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new AppError(
      "pattern.manifest_malformed",
      { fields: [{ path: "", message: "is no JSON in UTF-8" }] },
      { cause: error },
    );
  }
}

/** Before the form: an unknown verb is an attack or a newer pattern, and is named as such. */
function refuseUnknownVerbs(value: unknown): void {
  const cleanup = typeof value === "object" && value !== null && "cleanup" in value ? value.cleanup : [];
  for (const step of Array.isArray(cleanup) ? cleanup : []) {
    const verb = typeof step === "object" && step !== null && "verb" in step ? step.verb : undefined;
    if (typeof verb === "string" && !VERBS.some((known) => known === verb)) {
      throw new AppError("pattern.verb_unknown", { verb: verb.slice(0, 64) });
    }
  }
}

function refuseContradictions(manifest: PatternManifest): void {
  const regular = manifest.id.startsWith("RP-");
  const problems: Field[] = [];
  const demand = (holds: boolean, path: string, message: string) => {
    if (!holds) problems.push({ path, message });
  };
  demand(!regular || manifest.customer === "*", "customer", "must be * in the regular pattern");
  demand(regular || manifest.customer !== "*", "customer", "must name one customer in a custom pattern");
  demand(!regular || manifest.endpoints.length === 0, "endpoints", "must be empty in the regular pattern");
  demand(regular || manifest.endpoints.length > 0, "endpoints", "must name at least one endpoint");
  demand(manifest.rules.length + manifest.cleanup.length > 0, "rules", "the pattern does nothing");
  demand(isDistinct(manifest.endpoints), "endpoints", "must be distinct");
  demand(isDistinct(manifest.rules.map((rule) => rule.id)), "rules", "ids must be distinct");
  demand(isDistinct(manifest.cleanup.map((step) => step.step)), "cleanup", "step names must be distinct");
  for (const [index, step] of manifest.cleanup.entries()) {
    const known = manifest.rules.some((rule) => rule.id === step.detection);
    demand(step.detection === undefined || known, `cleanup.${index}.detection`, "names no rule of this pattern");
    demand(
      !("from" in step.target) || known,
      `cleanup.${index}.detection`,
      "must name the rule that the target is from",
    );
  }
  if (problems.length > 0) throw malformed(problems);
}

function refuseOutside(step: CleanupStep): void {
  if (!("path" in step.target) || step.verb === "verify") return;
  const { path } = step.target;
  const allowed = step.onlyPaths;
  const within = allowed === undefined || allowed.some((folder) => isWithin(path, folder));
  if (isProtectedPath(path) || !within) throw new AppError("pattern.target_outside", { step: step.step, path });
}

interface Field {
  path: string;
  message: string;
}

function errorOf(error: z.ZodError): AppError {
  const issues = error.issues.flatMap(flatten);
  const fields = issues.map((issue) => ({ path: issue.path.join("."), message: issue.message })).slice(0, 50);
  const outside =
    issues.length > 0 && issues.every((issue) => issue.code === "custom" && issue.params?.outside === true);
  return outside ? new AppError("pattern.target_outside", { fields }) : malformed(fields);
}

/** A union reports its branches apart; the branch with the fewest issues is the one that was meant. */
function flatten(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return [issue];
  const branches = [...issue.errors].sort((a, b) => a.length - b.length);
  return (branches[0] ?? []).flatMap(flatten).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

function malformed(fields: Field[]): AppError {
  return new AppError("pattern.manifest_malformed", { fields });
}

function isDistinct(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

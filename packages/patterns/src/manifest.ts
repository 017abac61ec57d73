import {
  type CaseId,
  type CustomerId,
  type EndpointId,
  isSha256,
  isUuid,
  type PatternId,
  SEVERITIES,
} from "@tms/records";
import { z } from "zod";
import { isExactPath } from "./safe-path.ts";

// The form of `tms.pattern/1`. Strict everywhere: an unknown field is an error, because whoever signs must have seen all
// that it can mean. Every list and text has a bound (R16).

/** A manifest with all its rules. 1 MiB holds some 300 long rules. */
export const MAX_PATTERN_BYTES = 1024 * 1024;
const MAX_RULE_BYTES = 64 * 1024;

function uuid<Id extends string>() {
  return z.custom<Id>((value) => typeof value === "string" && isUuid(value), { error: "must be a lower-case UUID" });
}

export const patternIdSchema = z.custom<PatternId>(
  (value) => typeof value === "string" && /^(CP|RP)-[0-9a-z-]{1,40}$/.test(value),
  { error: "must be CP- or RP- and up to 40 of a–z, 0–9, -" },
);

export const instantSchema = z
  .string()
  .max(40)
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/, "must be an RFC 3339 time with zone")
  .refine((text) => !Number.isNaN(Date.parse(text)), "must be a time that exists");

const plainText = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]*$/u, "must hold no control characters");

/** `pattern.target_outside` and not a form error, so that it is told apart; see `parsePattern`. */
const exactPathSchema = z
  .string()
  .refine(isExactPath, { error: "must be one exact absolute path", params: { outside: true } });

const ruleIdSchema = z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, "must be a name of letters, digits, _ and -");
const stepIdSchema = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/);

const ruleSchema = z.strictObject({
  /** Names the source to the scan engine and in threat events; `source` holds one rule. */
  id: ruleIdSchema,
  kind: z.literal("yara"),
  /** Shown as the threat's name: our own words, never a name that somebody else gave. */
  title: plainText(120),
  severity: z.enum(SEVERITIES),
  severityReason: plainText(300),
  techniques: z
    .array(z.string().regex(/^T\d{4}(\.\d{3})?$/))
    .max(20)
    .optional(),
  source: z.string().min(1).max(MAX_RULE_BYTES),
});

/** What belongs to a detection: found on the endpoint, at the time, and only there. */
const fromSchema = <From extends string>(from: From) => z.strictObject({ from: z.literal(from) });

const stepCommon = {
  step: stepIdSchema,
  /** The rule whose finding the step is about; demanded by every target that begins with `from`. */
  detection: ruleIdSchema.optional(),
  /** Folders outside which the step does nothing. */
  onlyPaths: z.array(exactPathSchema).min(1).max(16).optional(),
};

const killSchema = z.strictObject({
  ...stepCommon,
  verb: z.literal("process.kill"),
  target: z.union([fromSchema("processes-holding-detected"), z.strictObject({ path: exactPathSchema })]),
});

const removeLineSchema = z.strictObject({
  ...stepCommon,
  verb: z.literal("persist.removeLine"),
  target: z.union([
    fromSchema("persistence-naming-detected"),
    z.strictObject({
      path: exactPathSchema,
      line: z
        .string()
        .min(1)
        .max(4096)
        .regex(/^[^\n\r\0]*$/, "must be one line"),
    }),
  ]),
});

const fileTargetSchema = z.union([
  fromSchema("detected-file"),
  z.strictObject({
    path: exactPathSchema,
    sha256: z.string().refine(isSha256, "must be 64 lower-case hexadecimal digits").optional(),
  }),
]);

const quarantineSchema = z.strictObject({
  ...stepCommon,
  verb: z.literal("file.quarantine"),
  target: fileTargetSchema,
});

/** Expects that what the target names is absent afterwards. */
const verifySchema = z.strictObject({ ...stepCommon, verb: z.literal("verify"), target: fileTargetSchema });

export const cleanupStepSchema = z.discriminatedUnion("verb", [
  killSchema,
  removeLineSchema,
  quarantineSchema,
  verifySchema,
]);
export type CleanupStep = z.infer<typeof cleanupStepSchema>;

export const patternLimitsSchema = z.strictObject({
  maxKills: z.int().min(0).max(100),
  maxFiles: z.int().min(0).max(1000),
  /** Bytes of all files that the cleanup may move. */
  maxBytes: z
    .int()
    .min(0)
    .max(1024 * 1024 * 1024),
  deadlineSeconds: z.int().min(1).max(3600),
});
export type PatternLimits = z.infer<typeof patternLimitsSchema>;

export const patternManifestSchema = z.strictObject({
  schema: z.literal("tms.pattern/1"),
  id: patternIdSchema,
  version: z.int().min(1).max(1_000_000),
  title: plainText(200),
  /** `*` only in the regular pattern. */
  customer: z.union([z.literal("*"), uuid<CustomerId>()]),
  case: z.strictObject({ id: uuid<CaseId>(), shortId: z.string().regex(/^C-[0-9]{1,12}$/) }).nullable(),
  severity: z.enum(SEVERITIES),
  expires: instantSchema,
  endpoints: z.array(uuid<EndpointId>()).max(1000),
  limits: patternLimitsSchema,
  rules: z.array(ruleSchema).max(500),
  cleanup: z.array(cleanupStepSchema).max(64),
});
export type PatternManifest = z.infer<typeof patternManifestSchema>;
export type PatternRule = PatternManifest["rules"][number];

import { join } from "node:path";
import type { PatternCheck } from "@tms/contracts/portal";
import { MAX_PATTERN_BYTES, type PatternManifest, parsePattern, planDigest } from "@tms/patterns";
import { AppError, ERRORS, type ErrorCode } from "@tms/records";
import { createScanEngine, type Diagnostic, type ScanEngine } from "@tms/scan-engine";
import { sha256Of } from "@tms/signing";
import { readAgeIdentity } from "../keys/age-identity.ts";
import { withPackage } from "../package/open-package.ts";
import { onlyPositional, readArguments } from "../shell/arguments.ts";
import type { Command } from "../shell/command.ts";
import { exists, readInput, replaceFile } from "../shell/files.ts";
import { dryRun } from "./dry-run.ts";
import { DEFAULT_GOODWARE, GOODWARE_FILES, scanGoodware } from "./goodware.ts";
import { placeOf } from "./json-place.ts";

type Finding = PatternCheck["diagnostics"][number];

export const patternCheck: Command = {
  name: "pattern check",
  schema: "tms.pattern-check/1",
  usage:
    "tms pattern check PATH [--package DIR|FILE] [--identity FILE --passphrase-file F] [--goodware DIR]… [--goodware-files N]",
  async run(argv, io) {
    const args = readArguments(argv, {
      package: { type: "string" },
      identity: { type: "string" },
      "passphrase-file": { type: "string" },
      goodware: { type: "string", multiple: true },
      "goodware-files": { type: "string" },
    });
    const path = onlyPositional(args, "PATH");
    const goodware = args.list("goodware");
    const check = await checkPattern(path, {
      package: args.text("package") ?? null,
      identity: () => readAgeIdentity(args.need("identity"), args.text("passphrase-file")),
      goodware: goodware.length === 0 ? DEFAULT_GOODWARE : goodware,
      maxFiles: Number(args.text("goodware-files") ?? GOODWARE_FILES),
      signal: io.signal,
    });
    for (const found of check.diagnostics) {
      io.say(
        `${found.file}:${found.line}:${found.column} ${found.severity} ${found.code}: ${found.message} ${found.cure}`,
      );
    }
    io.say(
      `${check.rules.compiled} rule(s) compiled, ${check.goodware.hits} hit(s) in ${check.goodware.files} good files.`,
    );
    return { exit: check.ok ? 0 : 1, line: check };
  },
};

export interface CheckOptions {
  package: string | null;
  identity: () => Promise<string>;
  goodware: string[];
  maxFiles: number;
  signal: AbortSignal;
}

/** `manifest.json` in a draft's folder, or the file itself. */
export async function draftFile(path: string): Promise<string> {
  const inside = join(path, "manifest.json");
  return (await exists(inside)) ? inside : path;
}

/**
 * Checks a draft offline and keeps the result as `check.json` beside it: form, rules, known good files, dry run.
 *
 * @throws {AppError} `cli.input_unreadable`, `pattern.goodware_too_small`, `package.*`.
 */
export async function checkPattern(path: string, options: CheckOptions): Promise<PatternCheck> {
  const file = await draftFile(path);
  const bytes = await readInput(file, { maxBytes: MAX_PATTERN_BYTES });
  const form = judgeForm(bytes, file);
  if (form.manifest === null) return emptyCheck(bytes, form.findings);
  const engine = await createScanEngine({ kind: "auto" });
  try {
    const check = await judge(form.manifest, { bytes, engine, options });
    await replaceFile(join(file, "..", "check.json"), `${JSON.stringify(check, null, 2)}\n`);
    return check;
  } finally {
    await engine.close();
  }
}

async function judge(
  manifest: PatternManifest,
  { bytes, engine, options }: { bytes: Buffer; engine: ScanEngine; options: CheckOptions },
): Promise<PatternCheck> {
  const base = {
    ...emptyCheck(bytes, []),
    id: manifest.id,
    version: manifest.version,
    planDigest: planDigest(manifest),
  };
  const sources = manifest.rules.map((rule) => ({ id: rule.id, source: rule.source }));
  const compiled = (await engine.validate(sources)).map(findingOf);
  const slow = compiled.filter((finding) => finding.code === "pattern.rule_slow").length;
  if (compiled.some((finding) => finding.severity === "error")) {
    return { ...base, ok: false, diagnostics: compiled, rules: { compiled: 0, slow } };
  }
  const rules = await engine.load(sources);
  const { hitFiles, ...goodware } = await scanGoodware(engine, rules, {
    directories: options.goodware,
    maxFiles: options.maxFiles,
    signal: options.signal,
  });
  const hits = hitFiles
    .slice(0, 20)
    .map((hit) => finding("error", "pattern.hits_goodware", { file: hit.path, message: hit.rules.join(", ") }));
  const dry =
    options.package === null
      ? []
      : await withPackage(options.package, options.identity, (opened) => dryRun(engine, rules, { manifest, opened }));
  const empty =
    options.package !== null && dry.length > 0 && !dry.some((step) => step.found)
      ? [
          finding("error", "pattern.dry_run_empty", {
            file: options.package,
            message: ERRORS["pattern.dry_run_empty"].text,
          }),
        ]
      : [];
  const diagnostics = [...compiled, ...hits, ...empty];
  const ok = !diagnostics.some((found) => found.severity === "error");
  return { ...base, ok, diagnostics, rules: { compiled: sources.length, slow }, goodware, dryRun: dry };
}

function judgeForm(bytes: Buffer, file: string): { manifest: PatternManifest | null; findings: Finding[] } {
  try {
    return { manifest: parsePattern(bytes), findings: [] };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { manifest: null, findings: formFindings(error, bytes.toString("utf8"), file) };
  }
}

function formFindings(error: AppError, text: string, file: string): Finding[] {
  const fields = Array.isArray(error.details.fields) ? error.details.fields : [];
  if (fields.length === 0)
    return [finding("error", error.code, { file, message: `${error.row.text} ${JSON.stringify(error.details)}` })];
  return fields.map((field: { path: string; message: string }) => {
    const place = isJson(text) ? placeOf(text, field.path.split(".").filter(Boolean)) : { line: 0, column: 0 };
    return { ...finding("error", error.code, { file, message: `${field.path} ${field.message}` }), ...place };
  });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // The finding itself says so; only its place in the text is unknown.
    return false;
  }
}

/** A rule's line and column count within its own source, as its author wrote it. */
function findingOf(diagnostic: Diagnostic): Finding {
  const slow = /^slow/.test(diagnostic.code) || diagnostic.code === "E018" || diagnostic.code === "E034";
  const code = slow ? "pattern.rule_slow" : "pattern.rule_invalid";
  const { severity, line, column, message } = diagnostic;
  return {
    ...finding(severity, code, { file: `rules/${diagnostic.source}`, message: `${diagnostic.code}: ${message}` }),
    line,
    column,
  };
}

function finding(severity: Finding["severity"], code: ErrorCode, at: { file: string; message: string }): Finding {
  return { severity, code, file: at.file, line: 0, column: 0, message: at.message, cure: ERRORS[code].cure };
}

function emptyCheck(bytes: Buffer, diagnostics: Finding[]): PatternCheck {
  return {
    schema: "tms.pattern-check/1",
    ok: false,
    id: "",
    version: 0,
    digest: sha256Of(bytes),
    planDigest: "",
    diagnostics,
    rules: { compiled: 0, slow: 0 },
    goodware: { files: 0, hits: 0, setDigest: "" },
    backtest: { records: 0, endpoints: 0, skipped: "the tool works offline and holds no records" },
    dryRun: [],
  };
}

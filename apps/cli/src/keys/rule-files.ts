import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type PatternManifest, type PatternRule, parsePattern } from "@tms/patterns";
import { AppError, SEVERITIES } from "@tms/records";
import { readInput } from "../shell/files.ts";

/**
 * Reads YARA rule files, one rule each, whose `meta` says what a threat event shows: `title`, `severity`,
 * `severity_reason`, and optionally `id` and `technique`.
 *
 * @param path A `.yar` file or a folder of them.
 * @throws {AppError} `cli.input_unreadable`.
 */
export async function readRuleFiles(path: string): Promise<PatternRule[]> {
  const files = await yaraFilesAt(path);
  if (files.length === 0) throw new AppError("cli.input_unreadable", { path, reason: "no .yar file" });
  return Promise.all(files.map(readRule));
}

/** The regular pattern of these rules: it finds on every endpoint of every customer, and acts nowhere. */
export function regularPattern(rules: PatternRule[], { version, expires }: { version: number; expires: Date }): Buffer {
  const manifest = {
    schema: "tms.pattern/1",
    id: "RP-regular",
    version,
    title: "Regular pattern",
    customer: "*",
    case: null,
    severity: worstOf(rules),
    expires: expires.toISOString(),
    endpoints: [],
    limits: { maxKills: 0, maxFiles: 0, maxBytes: 0, deadlineSeconds: 60 },
    rules,
    cleanup: [],
  };
  const bytes = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`, "utf8");
  parsePattern(bytes);
  return bytes;
}

async function yaraFilesAt(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    return (await readdir(path))
      .filter((name) => name.endsWith(".yar"))
      .sort()
      .map((name) => join(path, name));
  } catch (error) {
    throw new AppError("cli.input_unreadable", { path }, { cause: error });
  }
}

async function readRule(path: string): Promise<PatternRule> {
  const source = (await readInput(path, { maxBytes: 64 * 1024 })).toString("utf8");
  const names = [...source.matchAll(/^\s*(?:(?:private|global)\s+)*rule\s+([A-Za-z_][A-Za-z0-9_]*)/gm)];
  const name = names[0]?.[1];
  if (name === undefined || names.length > 1)
    throw new AppError("cli.input_unreadable", { path, reason: "not one rule" });
  const meta = metaOf(source);
  const severity = SEVERITIES.find((known) => known === meta.get("severity"));
  const [title, severityReason] = [meta.get("title"), meta.get("severity_reason")];
  if (severity === undefined || title === undefined || severityReason === undefined) {
    throw new AppError("cli.input_unreadable", { path, reason: "meta lacks title, severity or severity_reason" });
  }
  const technique = meta.get("technique");
  return {
    id: meta.get("id") ?? name,
    kind: "yara",
    title,
    severity,
    severityReason,
    ...(technique === undefined ? {} : { techniques: [technique] }),
    source,
  };
}

/** The text fields of the rule's `meta` section; the compiler judges the syntax, this only reads our own labels. */
function metaOf(source: string): Map<string, string> {
  const section = /\bmeta\s*:([\s\S]*?)\b(?:strings|condition)\s*:/.exec(source)?.[1] ?? "";
  return new Map(
    [...section.matchAll(/^\s*([a-z_]+)\s*=\s*"([^"\\]*)"\s*$/gm)].map(([, key = "", value = ""]) => [key, value]),
  );
}

function worstOf(rules: PatternRule[]): PatternManifest["severity"] {
  return SEVERITIES.findLast((severity) => rules.some((rule) => rule.severity === severity)) ?? "info";
}

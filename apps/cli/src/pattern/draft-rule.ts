import type { PatternRule } from "@tms/patterns";
import type { Sha256 } from "@tms/records";

/** Long enough to be rare, short enough to be read by the person who signs. */
const MIN_STRING = 8;
const MAX_STRING = 96;
const MAX_STRINGS = 6;
/** Strings are looked for at the beginning of a large file; the hash covers all of it. */
const SEARCHED_BYTES = 4 * 1024 * 1024;

/**
 * Drafts the rule of exactly one file: its most telling strings find candidates fast, size and hash make it exact. An
 * expert may widen it; a draft that is too narrow does no harm.
 */
export function draftRule(
  about: Pick<PatternRule, "id" | "title" | "severity" | "severityReason">,
  file: { bytes: Buffer; sha256: Sha256 },
): PatternRule {
  const strings = tellingStrings(file.bytes.subarray(0, SEARCHED_BYTES));
  const lines = [
    'import "hash"',
    "",
    `rule ${about.id}`,
    "{",
    ...(strings.length === 0 ? [] : ["  strings:"]),
    ...strings.map((text, index) => `    $s${index + 1} = "${escaped(text)}"`),
    "  condition:",
    `    filesize == ${file.bytes.length} and`,
    ...(strings.length === 0 ? [] : ["    all of them and"]),
    `    hash.sha256(0, filesize) == "${file.sha256}"`,
    "}",
    "",
  ];
  return { ...about, kind: "yara", source: lines.join("\n") };
}

/** Distinct printable runs, those with the most unlike characters first. */
export function tellingStrings(bytes: Buffer): string[] {
  const runs = new Set(
    [...bytes.toString("latin1").matchAll(/[\x20-\x7e]{8,}/g)]
      .map(([run]) => run.slice(0, MAX_STRING).trim())
      .filter((run) => run.length >= MIN_STRING),
  );
  return [...runs].sort((a, b) => telling(b) - telling(a) || (a < b ? -1 : 1)).slice(0, MAX_STRINGS);
}

/** Words of a language are common; digits, capitals and signs among each other are not. */
function telling(text: string): number {
  const rare = text.match(/[0-9A-Z_\-/=+]/g)?.length ?? 0;
  return new Set(text).size + 2 * rare;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
}

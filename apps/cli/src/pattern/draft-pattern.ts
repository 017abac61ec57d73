import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type PatternManifest, type PatternRule, parsePattern, planDigest } from "@tms/patterns";
import { AppError, newId, SEVERITIES } from "@tms/records";
import { sha256Of } from "@tms/signing";
import { type CaseFile, readCaseFile } from "../case/case-file.ts";
import { readAgeIdentity } from "../keys/age-identity.ts";
import { withPackage } from "../package/open-package.ts";
import type { UnpackedPackage } from "../package/unpack-package.ts";
import { readArguments } from "../shell/arguments.ts";
import type { Command } from "../shell/command.ts";
import { writeNew } from "../shell/files.ts";
import { draftRule } from "./draft-rule.ts";
import { type ThreatFileItem, threatFilesOf } from "./threat-files.ts";

/** Each rule has four steps, and a manifest holds 64. */
const MAX_FILES = 16;
const MAX_FILE_BYTES = 256 * 1024 * 1024;
const EXPIRES_DAYS = 30;

export const patternDraft: Command = {
  name: "pattern draft",
  schema: "tms.pattern-draft/1",
  usage:
    "tms pattern draft --from-package DIR|FILE --out DIR [--identity FILE --passphrase-file F] [--short-id C-N] [--id CP-… --version N] [--title TEXT]",
  async run(argv, io) {
    const args = readArguments(argv, {
      "from-package": { type: "string" },
      out: { type: "string" },
      identity: { type: "string" },
      "passphrase-file": { type: "string" },
      "short-id": { type: "string" },
      id: { type: "string" },
      version: { type: "string" },
      title: { type: "string" },
    });
    const source = args.need("from-package");
    const identity = () => readAgeIdentity(args.need("identity"), args.text("passphrase-file"));
    return withPackage(source, identity, async (opened) => {
      const caseFile = await readCaseFile(opened.directory);
      const shortId = args.text("short-id") ?? caseFile?.shortId;
      if (shortId === undefined) throw new AppError("cli.usage", { missing: "--short-id" });
      const manifest = await draftOf(opened, {
        shortId,
        caseFile,
        id: args.text("id") ?? `CP-${newId().slice(-12)}`,
        version: Number(args.text("version") ?? "1"),
        title: args.text("title"),
        now: io.now(),
      });
      const bytes = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`, "utf8");
      const parsed = parsePattern(bytes);
      const directory = args.need("out");
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeNew(join(directory, "manifest.json"), bytes);
      io.say(
        `Drafted ${parsed.id} version ${parsed.version}: ${parsed.rules.length} rule(s), ${parsed.cleanup.length} steps.`,
      );
      return {
        exit: 0,
        line: {
          schema: this.schema,
          ok: true,
          path: directory,
          id: parsed.id,
          version: parsed.version,
          digest: sha256Of(bytes),
          planDigest: planDigest(parsed),
          rules: parsed.rules.length,
          steps: parsed.cleanup.length,
        },
      };
    });
  },
};

interface DraftInput {
  shortId: string;
  caseFile: CaseFile | null;
  id: string;
  version: number;
  title: string | undefined;
  now: Date;
}

async function draftOf(opened: UnpackedPackage, input: DraftInput): Promise<unknown> {
  const { manifest } = opened;
  const files = (await threatFilesOf(opened))
    .filter(({ item }) => item.sizeBytes <= MAX_FILE_BYTES)
    .slice(0, MAX_FILES);
  const severity = SEVERITIES.find((known) => known === input.caseFile?.severity) ?? "high";
  const title = plain(
    input.title ?? `Cleanup of ${input.caseFile?.threatName ?? "the threat"} on ${manifest.host}`,
    200,
  );
  const rules = await Promise.all(
    files.map((file, index) => ruleOf(file, index, { title, severity, shortId: input.shortId })),
  );
  const totalBytes = files.reduce((sum, { item }) => sum + item.sizeBytes, 0);
  return {
    schema: "tms.pattern/1",
    id: input.id,
    version: input.version,
    title,
    customer: manifest.customer,
    case: { id: manifest.case, shortId: input.shortId },
    severity,
    expires: new Date(input.now.getTime() + EXPIRES_DAYS * 86_400_000).toISOString(),
    endpoints: [manifest.endpoint],
    // Room for a few copies; a threat that needs more deserves another look before more is done.
    limits: {
      maxKills: 20,
      maxFiles: 4 * files.length,
      maxBytes: Math.max(4 * totalBytes, 1024 * 1024),
      deadlineSeconds: 120,
    },
    rules,
    cleanup: stepsOf(rules),
  };
}

async function ruleOf(
  { item, file }: ThreatFileItem,
  index: number,
  about: { title: string; severity: PatternManifest["severity"]; shortId: string },
): Promise<PatternRule> {
  const severityReason = `found by an expert in case ${about.shortId}`;
  const id = `case_file_${index + 1}`;
  return draftRule(
    { id, title: plain(about.title, 120), severity: about.severity, severityReason },
    { bytes: await readFile(file), sha256: item.sha256 },
  );
}

/**
 * First what would start it again, then whatever runs, then the file, then the look back: the order in which the
 * endpoint does them, so that whoever signs reads it as it happens.
 */
function stepsOf(rules: PatternRule[]): unknown[] {
  const each = (stage: string, verb: string, from: string) =>
    rules.map((rule, index) => ({ step: `${stage}-${index + 1}`, verb, detection: rule.id, target: { from } }));
  return [
    ...each("line", "persist.removeLine", "persistence-naming-detected"),
    ...each("kill", "process.kill", "processes-holding-detected"),
    ...each("file", "file.quarantine", "detected-file"),
    ...each("look", "verify", "detected-file"),
  ];
}

/** Names that an endpoint gave, made fit to be read in a list. */
function plain(text: string, max: number): string {
  return text.replace(/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/gu, "�").slice(0, max);
}

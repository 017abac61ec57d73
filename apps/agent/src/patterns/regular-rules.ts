import type { PatternManifest, PatternRule, VerifiedPattern } from "@tms/patterns";
import { AppError, type Severity } from "@tms/records";
import type { RuleSet, RuleSource, ScanEngine } from "@tms/scan-engine";

/** The regular pattern in force: its rules, loaded, and what they mean to people. */
export interface RegularRules {
  readonly pattern: Pick<PatternManifest, "id" | "version">;
  readonly ruleSet: RuleSet;
  describe(ruleId: string): { title: string; severity: Severity; severityReason: string; techniques: string[] };
  /** How many cleanup steps the pattern has for what this rule finds. */
  stepsFor(ruleId: string): number;
}

/** Loads the rules of a verified regular pattern. @throws {AppError} what the engine says of them. */
export async function loadRegularRules(engine: ScanEngine, verified: VerifiedPattern): Promise<RegularRules> {
  const { manifest } = verified;
  const ruleSet = await engine.load(ruleSources(manifest.rules));
  return {
    pattern: { id: manifest.id, version: manifest.version },
    ruleSet,
    describe(ruleId) {
      const rule = manifest.rules.find((candidate) => candidate.id === ruleId);
      if (rule === undefined) throw new AppError("pattern.unknown", { ruleId });
      const { title, severity, severityReason, techniques = [] } = rule;
      return { title, severity, severityReason, techniques };
    },
    stepsFor: (ruleId) => manifest.cleanup.filter((step) => step.detection === ruleId).length,
  };
}

export function ruleSources(rules: readonly PatternRule[]): RuleSource[] {
  return rules.map(({ id, source }) => ({ id, source }));
}

import { createRequire } from "node:module";
import type { NativeCompilerOptions, NativeMatch, YaraX } from "@litko/yara-x-linux-x64-gnu";
import { diagnosticOf } from "./diagnostics.ts";
import type { RunnerBackend } from "./runner-protocol.ts";
import type { Diagnostic, Match, RuleSource } from "./scan-engine.ts";

const OPTIONS: NativeCompilerOptions = {
  enableIncludes: false,
  errorOnSlowPattern: true,
  errorOnSlowLoop: true,
  relaxedReSyntax: false,
  bannedModules: [],
};

/** Strings reported per pattern; more say nothing new about a file. */
const MAX_MATCHES_PER_PATTERN = 16;

/** The native binding. A hanging scan of it cannot be stopped inside the process: only for a child that may be killed. */
export function createNativeBackend(): RunnerBackend {
  const binding = createRequire(import.meta.url)(
    "@litko/yara-x-linux-x64-gnu",
  ) as typeof import("@litko/yara-x-linux-x64-gnu");
  const sets = new Map<string, YaraX>();

  function validate(rules: readonly RuleSource[]): Diagnostic[] {
    return rules.flatMap((rule) => {
      const said = binding.validate(rule.source, OPTIONS);
      return [...said.errors, ...said.warnings].map((entry) => diagnosticOf(rule.id, entry.message));
    });
  }

  return {
    validate,
    load(set, rules) {
      const diagnostics = validate(rules);
      if (diagnostics.some((entry) => entry.severity === "error")) return diagnostics;
      const scanner = binding.compile("", OPTIONS);
      for (const rule of rules) scanner.addRuleSource(rule.source, rule.id);
      scanner.setMaxMatchesPerPattern(MAX_MATCHES_PER_PATTERN);
      // A file truncated under a memory map raises SIGBUS; bytes are read by us.
      scanner.setUseMmap(false);
      sets.set(set, scanner);
      return diagnostics;
    },
    scan(set, bytes, deadlineMs) {
      const scanner = sets.get(set);
      if (scanner === undefined) throw new Error("the rule set is not loaded");
      // Whole seconds, rounded up: the parent's SIGKILL is the exact deadline, this one only ends the thread gracefully.
      scanner.setTimeout(Math.ceil(deadlineMs / 1000) * 1000);
      return scanner.scan(bytes).map(matchOf);
    },
  };
}

function matchOf(match: NativeMatch): Match {
  return {
    source: match.namespace,
    rule: match.ruleIdentifier,
    tags: match.tags,
    meta: Object.fromEntries(Object.entries(match.meta).filter(isPlain)),
    strings: match.matches.map(({ identifier, offset, length }) => ({ identifier, offset, length })),
  };
}

function isPlain(entry: [string, unknown]): entry is [string, string | number | boolean] {
  return ["string", "number", "boolean"].includes(typeof entry[1]);
}

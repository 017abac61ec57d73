import { readFile } from "node:fs/promises";
import initYaraX, { Compiler, type Rules } from "@virustotal/yara-x";
import { diagnosticOf } from "./diagnostics.ts";
import type { RunnerBackend } from "./runner-protocol.ts";
import type { Diagnostic, Match, RuleSource } from "./scan-engine.ts";

interface WasmMatch {
  identifier: string;
  namespace: string;
  isPrivate: boolean;
  tags: string[];
  metadata: { identifier: string; value: unknown }[];
  patterns: { identifier: string; matches: { offset: number; length: number }[] }[];
}

/** Strings reported per pattern, as in the native backend. */
const MAX_MATCHES_PER_PATTERN = 16;

/** The official WebAssembly build: runs everywhere, and a worker that hangs in it can be terminated. */
export async function createWasmBackend(): Promise<RunnerBackend> {
  // Its .wasm is not exported, and the default initialiser fetches a file: URL, which Node refuses.
  const wasm = new URL("./yara_x_js_bg.wasm", import.meta.resolve("@virustotal/yara-x"));
  await initYaraX({ module_or_path: await readFile(wasm) });
  const sets = new Map<string, Rules>();

  return {
    validate: (rules) => rules.flatMap((rule) => compile([rule]).diagnostics),
    load(set, rules) {
      const perRule = rules.flatMap((rule) => compile([rule]).diagnostics);
      if (perRule.some((entry) => entry.severity === "error")) return perRule;
      const { compiler } = compile(rules);
      sets.set(set, compiler.build());
      return perRule;
    },
    scan(set, bytes) {
      const rules = sets.get(set);
      if (rules === undefined) throw new Error("the rule set is not loaded");
      const scanner = rules.scanner();
      try {
        scanner.setMaxMatchesPerPattern(MAX_MATCHES_PER_PATTERN);
        const result = scanner.scan(bytes) as { matches: WasmMatch[] };
        return result.matches.filter((match) => !match.isPrivate).map(matchOf);
      } finally {
        scanner.free();
      }
    },
  };
}

function compile(rules: readonly RuleSource[]): { compiler: Compiler; diagnostics: Diagnostic[] } {
  const compiler = new Compiler();
  const diagnostics: Diagnostic[] = [];
  for (const rule of rules) {
    compiler.newNamespace(rule.id);
    try {
      compiler.addSource(rule.source);
    } catch (error) {
      // Thrown errors also stand in `errors` below; what is thrown without standing there must not be lost.
      if (compiler.errors.length === 0) diagnostics.push(diagnosticOf(rule.id, String(error)));
    }
  }
  const name = rules.length === 1 ? (rules[0]?.id ?? "") : "";
  for (const text of [...compiler.errors, ...compiler.warnings]) diagnostics.push(diagnosticOf(name, text));
  return { compiler, diagnostics };
}

function matchOf(match: WasmMatch): Match {
  const meta: Record<string, string | number | boolean> = {};
  for (const { identifier, value } of match.metadata) {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") meta[identifier] = value;
  }
  return {
    source: match.namespace,
    rule: match.identifier,
    tags: match.tags,
    meta,
    strings: match.patterns.flatMap((pattern) =>
      pattern.matches.map(({ offset, length }) => ({ identifier: pattern.identifier, offset, length })),
    ),
  };
}

import type { Diagnostic, Match, RuleSource, ScanInput } from "./scan-engine.ts";

/** What the parent asks of a runner (child process or worker); one request at a time. */
export type RunnerRequest =
  | { id: number; op: "validate"; rules: readonly RuleSource[] }
  | { id: number; op: "load"; set: string; rules: readonly RuleSource[] }
  | { id: number; op: "scan"; set: string; input: ScanInput; maxBytes: number; deadlineMs: number };

export type RunnerReply =
  | { kind: "ready" }
  | { kind: "diagnostics"; id: number; diagnostics: Diagnostic[] }
  | { kind: "matches"; id: number; matches: Match[] }
  | {
      kind: "failed";
      id: number;
      code: "scan.too_large" | "scan.input_unreadable" | "scan.engine_failed";
      why: string;
    };

/** The compiler and scanner inside a runner. */
export interface RunnerBackend {
  validate(rules: readonly RuleSource[]): Diagnostic[];
  /** @returns The diagnostics; the set is kept only when none of them is an error. */
  load(set: string, rules: readonly RuleSource[]): Diagnostic[];
  scan(set: string, bytes: Buffer, deadlineMs: number): Match[];
}

/** One rule in YARA-X source. `id` names it in diagnostics; the rules of a set share one namespace each. */
export interface RuleSource {
  id: string;
  source: string;
}

/** What the compiler says of a rule source. A slow pattern is an error here, a mere warning in YARA-X itself. */
export interface Diagnostic {
  severity: "error" | "warning";
  /** The engine's own code, as `E001` or `slow_pattern`. */
  code: string;
  /** Which `RuleSource`. */
  source: string;
  line: number;
  column: number;
  message: string;
}

export interface MatchedString {
  identifier: string;
  offset: number;
  length: number;
}

/** One rule that matched. It never carries the matched bytes: file contents stay out of logs and records. */
export interface Match {
  /** The `id` of the `RuleSource` that the rule stands in. */
  source: string;
  rule: string;
  tags: string[];
  meta: Record<string, string | number | boolean>;
  strings: MatchedString[];
}

/** A set of rules that compiled. It belongs to the engine that made it and is loaded again when its runner restarts. */
export interface RuleSet {
  readonly id: string;
  readonly rules: readonly RuleSource[];
}

/** Bytes, or a path that the runner opens itself: `/proc/<pid>/fd/<n>` names exactly the file the caller has open. */
export type ScanInput = Uint8Array | string;

export interface ScanLimits {
  /** Wall clock for this one scan; on overrun the runner is killed and replaced. */
  deadlineMs: number;
  /** A larger input is refused with `scan.too_large`, never scanned in part. */
  maxBytes: number;
}

/**
 * YARA-X behind one interface; the native binding and the WebAssembly build pass the same conformance test.
 *
 * Scans of one engine run one after the other.
 */
export interface ScanEngine {
  readonly id: "native" | "wasm";
  /** @returns Every error and warning of every source; never throws for a bad rule. */
  validate(rules: readonly RuleSource[]): Promise<Diagnostic[]>;
  /** @throws {AppError} `pattern.rule_slow`, `pattern.rule_invalid`, `scan.rules_too_large`. */
  load(rules: readonly RuleSource[]): Promise<RuleSet>;
  /** @throws {AppError} `scan.timeout`, `scan.too_large`, `scan.input_unreadable`, `scan.engine_failed`. */
  scan(ruleSet: RuleSet, input: ScanInput, limits: ScanLimits): Promise<Match[]>;
  close(): Promise<void>;
}

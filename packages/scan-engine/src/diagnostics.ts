import type { Diagnostic } from "./scan-engine.ts";

/** Codes of slow rules. The native compiler makes errors of them when asked, WebAssembly only warns: both refuse. */
export const SLOW_CODES: readonly string[] = ["slow_pattern", "potentially_slow_loop", "too_many_iterations"];

const NATIVE_NAMES: Record<string, string> = {
  E018: "slow_pattern",
  E034: "potentially_slow_loop",
  E042: "include_refused",
  E044: "include_refused",
};

/**
 * Turns YARA-X's text into a diagnostic. Both builds print the same first two lines:
 * `error[E001]: syntax error` and ` --> line:1:20`.
 */
export function diagnosticOf(source: string, text: string): Diagnostic {
  const head = /^(error|warning)\[([A-Za-z0-9_]+)\]: (.*)/.exec(text);
  const place = /line:(\d+):(\d+)/.exec(text);
  const stated = head?.[2] ?? "unknown";
  const code = NATIVE_NAMES[stated] ?? stated;
  const isError = head?.[1] !== "warning" || SLOW_CODES.includes(code);
  return {
    severity: isError ? "error" : "warning",
    code,
    source,
    line: Number(place?.[1] ?? 0),
    column: Number(place?.[2] ?? 0),
    // The quoted source lines stay out: an error text must not carry foreign file contents (R21).
    message: (head?.[3] ?? text.split("\n", 1)[0] ?? "").slice(0, 300),
  };
}

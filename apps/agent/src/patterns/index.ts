export { createPatternSource, type PatternSource, type VerifiedRepository } from "./pattern-source.ts";
export { watchPatterns } from "./pattern-watch.ts";
export { loadRegularRules, type RegularRules, ruleSources } from "./regular-rules.ts";

export type { PatternFetch } from "./pattern-fetch.ts";
export { createPatternMirror, type PatternMirror, type PatternMirrorOptions } from "./pattern-mirror.ts";

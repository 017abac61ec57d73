export {
  createPatternMirror,
  type PatternFetch,
  type PatternMirror,
  type PatternMirrorOptions,
} from "../patterns/index.ts";

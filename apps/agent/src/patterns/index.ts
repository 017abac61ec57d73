export { loadRegularRules, type RegularRules, ruleSources } from "./regular-rules.ts";

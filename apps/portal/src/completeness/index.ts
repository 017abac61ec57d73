export type { StreamFacts } from "./certified-stream.ts";
export { createCertifyCompleteness } from "./certify-completeness.ts";
export { registerCompletenessRoutes } from "./completeness-routes.ts";

export { createKeepLimits, type KeepLimits } from "./keep-limits.ts";
export { type Limits, limitsInForce, type OwnLimits } from "./limits.ts";
export { createUsageStore } from "./usage-store.ts";

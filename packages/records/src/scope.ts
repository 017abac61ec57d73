import type { CustomerId } from "./ids.ts";

/**
 * The right to touch one customer's data. It comes only from authentication or from the job runner, never from a
 * parameter, and is the first parameter of every store method (architecture, section 6).
 */
export interface CustomerScope {
  readonly customer: CustomerId;
}

/** The right to touch what must cross customers; its own pool, role and policies. */
export interface ProviderScope {
  readonly provider: true;
}

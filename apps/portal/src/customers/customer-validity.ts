import { AppError, type Clock, type CustomerId, type ProviderScope } from "@tms/records";
import { type Customer, hasExpired } from "./customer.ts";

/** Asked with every link request, so it is remembered for a short while; an extension shows within this time. */
const REMEMBER_MS = 5000;

/** Whether a customer's service has expired, by the portal's clock, and the limits that are its own. */
export function createCustomerValidity(deps: {
  find(scope: ProviderScope, id: CustomerId): Promise<Customer | null>;
  scope: ProviderScope;
  clock: Clock;
}) {
  const known = new Map<CustomerId, { customer: Customer; atMs: number }>();
  async function customerOf(id: CustomerId, now: Date): Promise<Customer> {
    const remembered = known.get(id);
    if (remembered !== undefined && now.getTime() - remembered.atMs < REMEMBER_MS) return remembered.customer;
    const customer = await deps.find(deps.scope, id);
    if (customer === null) throw new AppError("customer.unknown", { customer: id });
    known.set(id, { customer, atMs: now.getTime() });
    return customer;
  }
  return {
    async isExpired(id: CustomerId): Promise<boolean> {
      const now = deps.clock.now();
      return hasExpired(await customerOf(id, now), now);
    },
    heartbeatOf: async (id: CustomerId) => (await customerOf(id, deps.clock.now())).heartbeat,
    limitsOf: async (id: CustomerId) => (await customerOf(id, deps.clock.now())).limits,
    forget(id: CustomerId): void {
      known.delete(id);
    },
  };
}

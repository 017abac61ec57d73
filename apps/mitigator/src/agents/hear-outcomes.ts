import type { Clock } from "@tms/records";
import type { OrderOutcome } from "./agent.ts";
import type { OrderStore } from "./order-store.ts";

/**
 * Tells the slices that gave orders how those ended, at least once each; listeners are idempotent.
 *
 * An order whose time is over counts as answered: an endpoint that stayed away is told, never silently dropped.
 */
export function createHearOutcomes(deps: {
  orders: Pick<OrderStore, "expire" | "unheard" | "heard">;
  onOutcome: (outcome: OrderOutcome) => Promise<void>;
  clock: Clock;
}) {
  return async function hearOutcomes(): Promise<void> {
    await deps.orders.expire(deps.clock.now());
    for (const outcome of await deps.orders.unheard()) {
      await deps.onOutcome(outcome);
      await deps.orders.heard(outcome.id, deps.clock.now());
    }
  };
}

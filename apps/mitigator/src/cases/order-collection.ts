import { AppError, type Clock, type DirectiveId, type EndpointId } from "@tms/records";
import type { Case } from "./case.ts";
import type { CaseStore } from "./case-store.ts";
import { MAX_PACKAGE_BYTES } from "./submit-case.ts";

/**
 * Orders the one agent that the case is about to collect a package. Idempotent: the order's id lies in the case.
 *
 * An agent that does not allow collecting is an outcome of the case, not a failure of the caller.
 */
export function createOrderCollection(deps: {
  cases: Pick<CaseStore, "setState" | "failed">;
  giveOrder: (order: {
    id: DirectiveId;
    endpoint: EndpointId;
    kind: "collect";
    payload: Record<string, unknown>;
  }) => Promise<DirectiveId>;
  clock: Clock;
}) {
  return async function orderCollection(one: Case): Promise<void> {
    try {
      await deps.giveOrder({
        id: one.directive,
        endpoint: one.endpoint,
        kind: "collect",
        payload: { case: one.id, package: one.package.id, threats: [one.threat], maxBytes: MAX_PACKAGE_BYTES },
      });
    } catch (error) {
      if (!(error instanceof AppError) || !REFUSALS.includes(error.code)) throw error;
      await deps.cases.failed(one.id, error.code);
      await deps.cases.setState(one.id, "package-failed", deps.clock.now());
    }
  };
}

const REFUSALS: readonly string[] = ["directive.not_allowed", "endpoint.unknown"];

import type { Clock, DirectiveId } from "@tms/records";
import type { CaseStore } from "./case-store.ts";

/** How an order to collect ended. A package that arrived counts more than an outcome that says otherwise. */
export function createHearCollection(deps: { cases: CaseStore; onChanged: () => void; clock: Clock }) {
  return async function hearCollection(outcome: { id: DirectiveId; ok: boolean; code: string | null }): Promise<void> {
    if (outcome.ok) return;
    for (const one of await deps.cases.allOpen()) {
      if (one.directive !== outcome.id || one.package.receivedAt !== null) continue;
      await deps.cases.failed(one.id, outcome.code ?? "server.internal");
      await deps.cases.setState(one.id, "package-failed", deps.clock.now());
      deps.onChanged();
    }
  };
}

import type { CaseId, CustomerScope, PatternId, ProductId } from "@tms/records";
import { type Case, type CaseStep, stateAfter } from "./case.ts";
import type { CaseLock, NewEntry } from "./put-case.ts";

export interface AdvanceCaseDeps {
  cases: CaseLock;
  /** Tells the mitigator that something changed; a hint, nothing more. */
  hintChanged(scope: CustomerScope, product: ProductId): Promise<void>;
}

export interface Advance {
  step: CaseStep;
  who: string;
  text: string;
  detail?: string;
  pattern?: { id: PatternId; version: number };
}

/**
 * Moves a case by what happened at the portal. A step that does not apply to the case's state changes nothing, so that
 * the same news may come twice.
 *
 * @returns The case after it; null if there is no such case.
 */
export function createAdvanceCase(deps: AdvanceCaseDeps) {
  return async function advanceCase(scope: CustomerScope, id: CaseId, advance: Advance): Promise<Case | null> {
    const { changed, after } = await deps.cases.locked(scope, id, async (tx) => {
      if (tx.known === null) return { changed: false, after: null };
      const next = stateAfter(tx.known.state, advance.step);
      const isNoted = advance.step.kind === "signature-given" && tx.known.state === "waits-for-signature";
      if (next === null && !isNoted) return { changed: false, after: tx.known };
      const entry: NewEntry = { state: next, text: advance.text, who: advance.who, detail: advance.detail ?? null };
      await tx.move(next, entry, {
        ...(advance.pattern === undefined ? {} : { pattern: advance.pattern }),
        ...(advance.step.kind === "downloaded" ? { takenBy: advance.who } : {}),
      });
      return { changed: true, after: await tx.read() };
    });
    if (changed && after !== null) await deps.hintChanged(scope, after.product);
    return after;
  };
}

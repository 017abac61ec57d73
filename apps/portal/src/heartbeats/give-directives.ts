import type { Clock, CustomerScope, DirectiveId, ProductId } from "@tms/records";
import type { Directive, DirectiveKind } from "./ledger.ts";

/** How long a hint is offered. A product that is away longer looks for everything by itself when it returns. */
const HINT_LIFE_MS = 7 * 24 * 3_600_000;

export interface GiveDirectivesStore {
  /** Stores the directives and wakes the long polls of their products by one NOTIFY. */
  add(scope: CustomerScope, product: ProductId, directives: readonly Directive[]): Promise<void>;
}

/** Puts a hint in the way of a product; it comes down with its next heartbeat's answer, at once if one is waiting. */
export function createGiveDirectives(deps: { store: GiveDirectivesStore; clock: Clock; newId: () => DirectiveId }) {
  return async function giveDirective(
    scope: CustomerScope,
    product: ProductId,
    hint: { kind: DirectiveKind; payload: Record<string, unknown> },
  ): Promise<DirectiveId> {
    const id = deps.newId();
    const expiresAt = new Date(deps.clock.now().getTime() + HINT_LIFE_MS);
    await deps.store.add(scope, product, [{ id, expiresAt, ...hint }]);
    return id;
  };
}

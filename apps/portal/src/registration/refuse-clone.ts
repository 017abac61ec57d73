import type { CustomerScope, ProductId } from "@tms/records";

/**
 * Two installations proved to hold one identity: neither is served from now on, and both are told how to be cured. What
 * each of them sent stays as it is.
 */
export function createRefuseClone(deps: {
  store: { markCloned(scope: CustomerScope, product: ProductId): Promise<boolean> };
  onFound: (scope: CustomerScope, product: ProductId) => Promise<void>;
}) {
  return async function refuseClone(scope: CustomerScope, product: ProductId): Promise<void> {
    if (await deps.store.markCloned(scope, product)) await deps.onFound(scope, product);
  };
}

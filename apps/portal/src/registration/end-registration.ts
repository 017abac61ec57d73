import { AppError, type CustomerScope, type ProductId } from "@tms/records";
import type { RegisteredProduct } from "./registered-product.ts";

export interface EndRegistrationStore {
  find(scope: CustomerScope, product: ProductId): Promise<RegisteredProduct | null>;
  /** Ends the registration and tells all nodes to forget the identity. */
  end(
    scope: CustomerScope,
    product: ProductId,
    how: { registration: "revoked" | "unregistered"; by: string },
  ): Promise<void>;
}

export interface EndRegistrationDeps {
  store: EndRegistrationStore;
  /** Drops the identity on this node before the answer; the others hear of it by NOTIFY, a moment later. */
  forget(product: ProductId): void;
}

/** The product itself says that it leaves: its credentials are worth nothing from now on. */
export function createUnregister(deps: EndRegistrationDeps) {
  return async function unregister(scope: CustomerScope, product: ProductId): Promise<void> {
    await deps.store.end(scope, product, { registration: "unregistered", by: "the product itself" });
    deps.forget(product);
  };
}

/**
 * A person removes a product; the typed name confirms which one.
 *
 * @throws {AppError} `product.unknown`, `confirmation.name_differs`.
 */
export function createRemoveProduct(deps: EndRegistrationDeps) {
  return async function removeProduct(
    scope: CustomerScope,
    product: ProductId,
    confirmation: { typedName: string; by: string },
  ): Promise<RegisteredProduct> {
    const found = await deps.store.find(scope, product);
    if (found === null) throw new AppError("product.unknown", { product });
    if (confirmation.typedName !== found.name) throw new AppError("confirmation.name_differs", { product });
    await deps.store.end(scope, product, { registration: "revoked", by: confirmation.by });
    deps.forget(product);
    return found;
  };
}

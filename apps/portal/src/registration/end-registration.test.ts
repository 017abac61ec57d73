import { type CustomerId, newId, type ProductId } from "@tms/records";
import { describe, expect, test } from "vitest";
import { createRemoveProduct, createUnregister } from "./end-registration.ts";
import type { RegisteredProduct } from "./registered-product.ts";

describe("the end of a registration", () => {
  const scope = { customer: newId<CustomerId>() };
  const product = newId<ProductId>();

  function world() {
    const done: string[] = [];
    return {
      done,
      deps: {
        store: {
          find: async () => ({ id: product, name: "mill-a" }) as RegisteredProduct,
          end: async (_scope: unknown, _product: ProductId, how: { registration: string }) => {
            done.push(`ended as ${how.registration}`);
          },
        },
        forget: (of: ProductId) => void done.push(of === product ? "forgotten here" : "another one"),
      },
    };
  }

  test("is forgotten on this node before the answer, so that the very next request is refused", async () => {
    const { done, deps } = world();

    await createUnregister(deps)(scope, product);
    await createRemoveProduct(deps)(scope, product, { typedName: "mill-a", by: "ada" });

    expect(done).toEqual(["ended as unregistered", "forgotten here", "ended as revoked", "forgotten here"]);
  });

  test("by a person needs the typed name, and nothing ends without it", async () => {
    const { done, deps } = world();

    const misspelt = createRemoveProduct(deps)(scope, product, { typedName: "mill", by: "ada" });

    await expect(misspelt).rejects.toMatchObject({ code: "confirmation.name_differs" });
    expect(done).toEqual([]);
  });
});

import type { ProductId } from "@tms/records";

export type IdentityListener = (product: ProductId | null) => void;

/** Who wants to hear that an identity changed, and who says so; null = any of them may have. */
export function createIdentityChanges(): {
  onChange(listener: IdentityListener): () => void;
  tell: IdentityListener;
} {
  const listeners = new Set<IdentityListener>();
  return {
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tell(product) {
      for (const listener of [...listeners]) listener(product);
    },
  };
}

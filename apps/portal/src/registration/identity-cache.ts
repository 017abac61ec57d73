import { createIdentityChanges, type IdentitySource, type PeerLookup } from "@tms/link/upper";
import type { Clock, CustomerId, ProductId, ProviderScope, Sha256 } from "@tms/records";
import type { RegisteredProduct } from "./registered-product.ts";

/** The longest that a removed product may still be known, should the NOTIFY be lost (architecture, section 5). */
const REMEMBER_MS = 10_000;
/** Bounds the memory that strangers' keys can take. */
const MAX_REMEMBERED = 20_000;

export interface IdentityCacheDeps {
  store: {
    bySpki(scope: ProviderScope, spki: Sha256): Promise<RegisteredProduct | null>;
    bySshKey(scope: ProviderScope, product: string, publicKeyBlob: Buffer): Promise<RegisteredProduct | null>;
  };
  /** Puts a renewed key in force at its first use. */
  takeOver(scope: ProviderScope, spki: Sha256): Promise<boolean>;
  isExpired(customer: CustomerId): Promise<boolean>;
  scope: ProviderScope;
  clock: Clock;
}

/** Tells the link who is speaking, by the key's hash in the products table, remembered for ten seconds at most. */
export function createIdentityCache(
  deps: IdentityCacheDeps,
): IdentitySource & { forget(product: ProductId): void; forgetAll(): void } {
  const changes = createIdentityChanges();
  const remembered = new Map<string, { product: RegisteredProduct; atMs: number }>();
  /** Counts what was forgotten: a look-up that began before may hold what is no longer so. */
  let forgotten = 0;

  async function lookUp(key: string, find: () => Promise<RegisteredProduct | null>): Promise<PeerLookup> {
    const nowMs = deps.clock.now().getTime();
    const cached = remembered.get(key);
    if (cached !== undefined && nowMs - cached.atMs < REMEMBER_MS) return peerOf(cached.product);
    const before = forgotten;
    const product = await find();
    // Unknown keys are asked anew each time: a registration must count at once.
    if (product === null) return { kind: "unknown" };
    if (forgotten !== before) return peerOf(product);
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(key, { product, atMs: nowMs });
    return peerOf(product);
  }

  async function peerOf(product: RegisteredProduct): Promise<PeerLookup> {
    return {
      kind: "known",
      registration: product.registration,
      certificateNotAfter: product.certificateNotAfter,
      isCloned: product.clonedAt !== null,
      peer: {
        customer: product.customer,
        product: product.id,
        endpoint: null,
        kind: product.kind,
        signingKeySpki: product.signingKeySpki,
        customerExpired: await deps.isExpired(product.customer),
      },
    };
  }

  async function bySpki(spki: Sha256): Promise<RegisteredProduct | null> {
    const known = await deps.store.bySpki(deps.scope, spki);
    if (known !== null || !(await deps.takeOver(deps.scope, spki))) return known;
    const renewed = await deps.store.bySpki(deps.scope, spki);
    // The old key must not be remembered here until the NOTIFY comes round.
    if (renewed !== null) forget(renewed.id);
    return renewed;
  }

  function forget(product: ProductId): void {
    forgotten += 1;
    for (const [key, entry] of remembered) if (entry.product.id === product) remembered.delete(key);
    changes.tell(product);
  }

  return {
    bySpki: (spki) => lookUp(`spki ${spki}`, () => bySpki(spki)),
    bySshKey: (user, blob) =>
      lookUp(`ssh ${user} ${blob.toString("base64")}`, () => deps.store.bySshKey(deps.scope, user, blob)),
    onChange: changes.onChange,
    forget,
    forgetAll() {
      forgotten += 1;
      remembered.clear();
      changes.tell(null);
    },
  };
}

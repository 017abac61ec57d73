import { AppError, type CustomerId, type CustomerScope, type ProductId } from "@tms/records";
import { isNearDay, isOverDay, type Limits, type UsageOfToday, usedToday } from "./limits.ts";

// Limits per product and customer.
// L1  Over a limit the answer is 429 with a time; the sender keeps what it has and comes again. Nothing is dropped.
// L2  Bytes a day are the database's: all nodes count together, and a restart forgets nothing. What is under way when
//     the limit is reached is still taken, at most one batch a stream.
// L3  One customer's figures are never looked at for another: no lock, no queue, no bucket is shared.

/** Who sends; of the link's peer. */
export interface Sender {
  customer: CustomerId;
  product: ProductId;
}

export interface KeepLimitsDeps {
  limitsOf(customer: CustomerId): Promise<Limits>;
  usage: {
    ofToday(scope: CustomerScope): Promise<UsageOfToday>;
    addApart(scope: CustomerScope, of: { product: ProductId; bytes: number }): Promise<void>;
  };
  monotonicMs(): number;
}

/** Far below the limit a figure of this age does; with what this node took since it is exact but for other nodes. */
const LOOK_MS = 5_000;
/** So long a package that is too large waits for somebody to raise the limit. */
const PACKAGE_RETRY_SECONDS = 3_600;
/** The return of many at midnight is spread over this. */
const SPREAD_SECONDS = 300;
const BURST_SECONDS = 2;
const MAX_BUCKETS = 50_000;

export type KeepLimits = ReturnType<typeof createKeepLimits>;

export function createKeepLimits(deps: KeepLimitsDeps) {
  const known = new Map<CustomerId, { usage: UsageOfToday & { byProduct: Map<string, number> }; atMs: number }>();
  const buckets = new Map<ProductId, { tokens: number; atMs: number }>();

  async function usageOf({ customer, product }: Sender, limits: Limits): Promise<UsageOfToday> {
    const kept = known.get(customer);
    const isFresh = kept !== undefined && deps.monotonicMs() - kept.atMs < LOOK_MS;
    if (isFresh && !isNearDay(limits, kept.usage, product)) return kept.usage;
    const usage = await deps.usage.ofToday({ customer });
    known.set(customer, { usage: { ...usage, byProduct: new Map(usage.byProduct) }, atMs: deps.monotonicMs() });
    return usage;
  }

  async function admitBytes(sender: Sender): Promise<void> {
    const limits = await deps.limitsOf(sender.customer);
    const usage = await usageOf(sender, limits);
    if (!isOverDay(limits, usage, sender.product)) return;
    const { own, all } = usedToday(usage, sender.product);
    const retryAfterSeconds = usage.secondsLeft + 1 + spreadOf(sender.product);
    throw new AppError("limit.bytes_per_day", { product: sender.product, own, all, retryAfterSeconds });
  }

  /** What this node took; the database knows it with the same transaction. */
  function note({ customer, product }: Sender, bytes: number): void {
    const kept = known.get(customer)?.usage.byProduct;
    kept?.set(product, (kept.get(product) ?? 0) + bytes);
  }

  return {
    /** @throws {AppError} `limit.bytes_per_day` */
    admitBytes,
    note,
    /** @throws {AppError} `limit.package_size`, `limit.bytes_per_day` */
    async admitPackage(sender: Sender, sizeBytes: number): Promise<void> {
      const limits = await deps.limitsOf(sender.customer);
      if (sizeBytes > limits.packageBytes) {
        throw new AppError("limit.package_size", { sizeBytes, retryAfterSeconds: PACKAGE_RETRY_SECONDS });
      }
      await admitBytes(sender);
    },
    async tookPackage(sender: Sender, bytes: number): Promise<void> {
      await deps.usage.addApart({ customer: sender.customer }, { product: sender.product, bytes });
      note(sender, bytes);
    },
    /** Takes one request of the product. @throws {AppError} `limit.requests_per_second` */
    async admitRequest({ customer, product }: Sender): Promise<void> {
      const { requestsPerSecond } = await deps.limitsOf(customer);
      const most = Math.max(1, requestsPerSecond * BURST_SECONDS);
      const nowMs = deps.monotonicMs();
      const before = buckets.get(product) ?? { tokens: most, atMs: nowMs };
      const tokens = Math.min(most, before.tokens + ((nowMs - before.atMs) * requestsPerSecond) / 1000);
      // Deleting first keeps the map in order of last use; the one idle longest is full again anyway.
      buckets.delete(product);
      buckets.set(product, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
      const oldest = buckets.keys().next();
      if (buckets.size > MAX_BUCKETS && oldest.done !== true) buckets.delete(oldest.value);
      if (tokens >= 1) return;
      const retryAfterSeconds = Math.max(1, Math.ceil((1 - tokens) / requestsPerSecond));
      throw new AppError("limit.requests_per_second", { product, requestsPerSecond, retryAfterSeconds });
    },
    /** What a heartbeat's answer tells of them. */
    async told(sender: Sender) {
      const limits = await deps.limitsOf(sender.customer);
      const usage = await usageOf(sender, limits);
      return { ...limits, sentToday: usedToday(usage, sender.product).own };
    },
  };
}

function spreadOf(product: ProductId): number {
  return Number.parseInt(product.slice(-6), 16) % SPREAD_SECONDS;
}

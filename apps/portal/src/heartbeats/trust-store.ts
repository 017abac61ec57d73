import type { ProductId, ProviderScope } from "@tms/records";
import { type Databases, inProvider } from "@tms/server-kit";
import { sql } from "kysely";
import type { TrustReport } from "./heartbeat.ts";

export interface TrustStore {
  /** What each product trusts the portal by, as its last heartbeat said, and when it was heard. */
  reports(scope: ProviderScope): Promise<Map<ProductId, { trust: TrustReport | null; lastSeenAt: Date | null }>>;
}

export function createTrustStore(db: Pick<Databases, "provider">): TrustStore {
  return {
    reports: () =>
      inProvider(db.provider, async (trx) => {
        const { rows } = await sql<{ product: ProductId; trust: TrustReport | null; at: Date | null }>`
          select p.product, p.trust, s.at from heartbeats_products p
          left join heartbeats_last_seen s on s.customer = p.customer and s.product = p.product`.execute(trx);
        return new Map(rows.map(({ product, trust, at }) => [product, { trust, lastSeenAt: at }]));
      }),
  };
}

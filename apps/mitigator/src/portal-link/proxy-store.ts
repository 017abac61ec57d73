import type { Kysely } from "kysely";
import { storableJson } from "#app/storable-text.ts";
import type { ProxyAddress, ProxyStore } from "./proxy-settings.ts";

export interface ProxyTables {
  portal_link_proxy: {
    single: boolean;
    settings: ProxyAddress;
    password_sealed: string | null;
    password_kept_since: Date | null;
    saved_at: Date;
  };
}

export function createProxyStore(db: Kysely<ProxyTables>): ProxyStore {
  return {
    proxy: async () => {
      const row = await db.selectFrom("portal_link_proxy").selectAll().executeTakeFirst();
      if (row === undefined) return null;
      return {
        settings: row.settings,
        passwordSealed: row.password_sealed,
        passwordKeptSince: row.password_kept_since,
      };
    },
    saveProxy: async (proxy, now) => {
      if (proxy === null) {
        await db.deleteFrom("portal_link_proxy").execute();
        return;
      }
      const columns = {
        settings: storableJson(proxy.settings),
        password_sealed: proxy.passwordSealed,
        password_kept_since: proxy.passwordKeptSince,
        saved_at: now,
      };
      await db
        .insertInto("portal_link_proxy")
        .values({ single: true, ...columns })
        .onConflict((conflict) => conflict.column("single").doUpdateSet(columns))
        .execute();
    },
  };
}

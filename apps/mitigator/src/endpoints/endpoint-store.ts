import type { EndpointId } from "@tms/records";
import { type Kysely, sql } from "kysely";
import { storableText } from "#app/storable-text.ts";
import type { Endpoint, EndpointSeen, EndpointSilence, EndpointStore } from "./endpoint.ts";

interface EndpointTable {
  id: EndpointId;
  host: string;
  address: string;
  agent_version: string;
  ready: boolean;
  enrolled_at: Date;
  last_heartbeat_at: Date | null;
  connected_since: Date | null;
  pattern_requests: number;
}

export interface EndpointTables {
  endpoints_endpoints: EndpointTable;
}

export function createEndpointStore(db: Kysely<EndpointTables>): EndpointStore {
  return {
    enrolled: async (id, facts, at) => {
      await db
        .insertInto("endpoints_endpoints")
        .values({
          id,
          host: storableText(facts.host),
          address: facts.address,
          agent_version: storableText(facts.agentVersion),
          ready: true,
          enrolled_at: at,
          pattern_requests: 0,
        })
        .onConflict((conflict) =>
          conflict.column("id").doUpdateSet({
            host: storableText(facts.host),
            address: facts.address,
            agent_version: storableText(facts.agentVersion),
          }),
        )
        .execute();
    },
    seen: (id, facts, silence) => seen(db, id, { ...facts, ...silence }),
    countPatternRequest: async (id) => {
      await db
        .updateTable("endpoints_endpoints")
        .set({ pattern_requests: sql`pattern_requests + 1` })
        .where("id", "=", id)
        .execute();
    },
    get: async (id) => {
      const row = await db.selectFrom("endpoints_endpoints").selectAll().where("id", "=", id).executeTakeFirst();
      return row === undefined ? null : endpointOf(row);
    },
    all: async () =>
      (await db.selectFrom("endpoints_endpoints").selectAll().limit(MAX_ENDPOINTS).execute()).map(endpointOf),
    search: async (part) => {
      const pattern = `%${storableText(part).replace(/[\\%_]/g, (character) => `\\${character}`)}%`;
      const rows = await db
        .selectFrom("endpoints_endpoints")
        .selectAll()
        .where((where) => where.or([where("host", "ilike", pattern), where("address", "ilike", pattern)]))
        .limit(MAX_ENDPOINTS)
        .execute();
      return rows.map(endpointOf);
    },
  };
}

/** One mitigator serves one site; beyond this a list would need keyset paging. */
const MAX_ENDPOINTS = 50_000;

async function seen(db: Kysely<EndpointTables>, id: EndpointId, facts: EndpointSeen & EndpointSilence): Promise<void> {
  const oldest = new Date(facts.now.getTime() - facts.silenceMs);
  await db
    .updateTable("endpoints_endpoints")
    .set({
      host: storableText(facts.host),
      address: facts.address,
      agent_version: storableText(facts.agentVersion),
      ready: facts.ready,
      last_heartbeat_at: facts.now,
      connected_since: sql`case when last_heartbeat_at >= ${oldest} then coalesce(connected_since, ${facts.now}) else ${facts.now} end`,
    })
    .where("id", "=", id)
    .execute();
}

function endpointOf(row: EndpointTable): Endpoint {
  return {
    id: row.id,
    host: row.host,
    address: row.address,
    agentVersion: row.agent_version,
    ready: row.ready,
    enrolledAt: row.enrolled_at,
    lastHeartbeatAt: row.last_heartbeat_at,
    connectedSince: row.connected_since,
    patternRequests: row.pattern_requests,
  };
}

import type {
  ChainId,
  CustomerId,
  CustomerScope,
  EndpointId,
  IncidentId,
  IncidentState,
  ProductId,
  ProviderScope,
  RecordId,
  Severity,
  ThreatId,
} from "@tms/records";
import { type Databases, inCustomer, inProvider } from "@tms/server-kit";
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { GroupEventsDeps, GroupingTransaction } from "./group-events.ts";
import type { Incident } from "./incident.ts";

const MAX_LISTED = 2000;

export interface IncidentStore {
  locked: GroupEventsDeps["incidents"]["locked"];
  list(scope: ProviderScope, filter: { customer?: CustomerId | undefined }): Promise<Incident[]>;
  /** By id, or by `I-` and a number if only one customer has it. */
  locate(scope: ProviderScope, idOrShortId: string): Promise<Incident | null>;
  setState(scope: CustomerScope, id: IncidentId, state: IncidentState): Promise<Incident | null>;
}

export function createIncidentStore(db: Databases): IncidentStore {
  return {
    locked: (scope, work) =>
      inCustomer(db.app, scope, async (trx) => {
        await sql`insert into incidents_counters (customer) values (${scope.customer}) on conflict do nothing`.execute(
          trx,
        );
        await sql`select 1 from incidents_counters where customer = ${scope.customer} for update`.execute(trx);
        return work(transactionOf(trx, scope));
      }),
    list: (_, filter) =>
      inProvider(db.provider, (trx) =>
        select(trx, filter.customer === undefined ? sql`true` : sql`i.customer = ${filter.customer}`),
      ),
    locate: (_, idOrShortId) =>
      inProvider(db.provider, async (trx) => {
        const number = /^I-([0-9]{1,12})$/.exec(idOrShortId)?.[1];
        const found = await select(
          trx,
          number === undefined ? sql`i.id::text = ${idOrShortId}` : sql`i.number = ${number}`,
        );
        return found.length === 1 ? (found[0] ?? null) : null;
      }),
    setState: (scope, id, state) =>
      inCustomer(db.app, scope, async (trx) => {
        await sql`update incidents_incidents set state = ${state},
            state_since = case when state = ${state} then state_since else now() end
          where customer = ${scope.customer} and id = ${id}`.execute(trx);
        return (await select(trx, sql`i.customer = ${scope.customer} and i.id = ${id}`))[0] ?? null;
      }),
  };
}

function transactionOf(trx: Kysely<unknown>, scope: CustomerScope): GroupingTransaction {
  return {
    async grouped(records) {
      const { rows } = await sql<{ record: RecordId }>`select record from incidents_events
        where customer = ${scope.customer} and record = any(${records}::uuid[])`.execute(trx);
      return new Set(rows.map(({ record }) => record));
    },
    async knowing(events) {
      const keys = events.flatMap(({ product, endpoint, threatId, chain }) =>
        (chain === null ? [threatId] : [threatId, chain]).map((key) => ({ product, endpoint, key })),
      );
      return select(
        trx,
        sql`i.customer = ${scope.customer} and i.id in (select k.incident from incidents_keys k
          join jsonb_to_recordset(${JSON.stringify(keys)}::jsonb) as asked (product uuid, endpoint uuid, key uuid)
            on asked.product = k.product and asked.endpoint = k.endpoint and asked.key = k.key where k.customer = ${scope.customer})`,
        keys.length,
      );
    },
    async takeNumbers(count) {
      const { rows } = await sql<{ first: string }>`update incidents_counters set next = next + ${count}
        where customer = ${scope.customer} returning next - ${count} as first`.execute(trx);
      return Number(rows[0]?.first);
    },
    async save(incidents) {
      const values = JSON.stringify(incidents.map(rowOf));
      await sql`insert into incidents_incidents (customer, id, number, product, endpoint, host, title, severity, state,
          state_since, chains, threats, first_event_at, last_event_at)
        select ${scope.customer}::uuid, v.* from jsonb_to_recordset(${values}::jsonb) as v (id uuid, number bigint,
          product uuid, endpoint uuid, host text, title text, severity text, state text, state_since timestamptz, chains uuid[],
          threats uuid[], first_event_at timestamptz, last_event_at timestamptz)
        on conflict (customer, id) do update set host = excluded.host, severity = excluded.severity,
          state = excluded.state, state_since = excluded.state_since, chains = excluded.chains,
          threats = excluded.threats, first_event_at = excluded.first_event_at,
          last_event_at = excluded.last_event_at`.execute(trx);
      const keys = incidents.flatMap(({ id, product, endpoint, threats, chains }) =>
        [...threats, ...chains].map((key) => ({ product, endpoint, key, incident: id })),
      );
      await sql`insert into incidents_keys (customer, product, endpoint, key, incident)
        select ${scope.customer}::uuid, v.* from jsonb_to_recordset(${JSON.stringify(keys)}::jsonb)
          as v (product uuid, endpoint uuid, key uuid, incident uuid) on conflict do nothing`.execute(trx);
    },
    async link(links) {
      await sql`insert into incidents_events (customer, record, incident)
        select ${scope.customer}::uuid, v.* from jsonb_to_recordset(${JSON.stringify(links)}::jsonb)
          as v (record uuid, incident uuid) on conflict do nothing`.execute(trx);
    },
  };
}

function rowOf(incident: Incident) {
  const { id, number, product, endpoint, host, title, severity, state, chains, threats } = incident;
  return {
    ...{ id, number, product, endpoint, host, title, severity, state, chains, threats },
    state_since: incident.stateSince,
    first_event_at: incident.firstEventAt,
    last_event_at: incident.lastEventAt,
  };
}

interface Row {
  customer: CustomerId;
  id: IncidentId;
  number: string;
  product: ProductId | null;
  endpoint: EndpointId;
  host: string;
  title: string;
  severity: Severity;
  state: IncidentState;
  state_since: Date;
  chains: ChainId[];
  threats: ThreatId[];
  first_event_at: Date;
  last_event_at: Date;
  events: string;
}

async function select(
  trx: Kysely<unknown>,
  condition: RawBuilder<unknown>,
  atMost: number = MAX_LISTED,
): Promise<Incident[]> {
  const { rows } =
    await sql<Row>`select i.customer, i.id, i.number, i.product, i.endpoint, i.host, i.title, i.severity, i.state,
      i.state_since, to_jsonb(i.chains) as chains, to_jsonb(i.threats) as threats, i.first_event_at, i.last_event_at,
      (select count(*) from incidents_events e where e.customer = i.customer and e.incident = i.id) as events
    from incidents_incidents i where ${condition} order by i.last_event_at desc, i.id limit ${atMost}`.execute(trx);
  return rows.map((row) => ({
    id: row.id,
    customer: row.customer,
    number: Number(row.number),
    product: row.product,
    endpoint: row.endpoint,
    host: row.host,
    title: row.title,
    severity: row.severity,
    state: row.state,
    stateSince: row.state_since,
    chains: row.chains,
    threats: row.threats,
    firstEventAt: row.first_event_at,
    lastEventAt: row.last_event_at,
    events: Number(row.events),
  }));
}

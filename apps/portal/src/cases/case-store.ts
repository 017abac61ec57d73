import type {
  CaseId,
  CaseState,
  CustomerId,
  CustomerScope,
  EndpointId,
  PatternId,
  ProductId,
  ProviderScope,
  RecordId,
  ThreatId,
} from "@tms/records";
import { AppError } from "@tms/records";
import { type Databases, inCustomer, inProvider } from "@tms/server-kit";
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Case, TimelineEntry } from "./case.ts";
import type { CaseLock, CaseTransaction, NewEntry } from "./put-case.ts";

export interface CaseStore extends CaseLock {
  find(scope: CustomerScope, id: CaseId): Promise<Case | null>;
  changedAfter(scope: CustomerScope, product: ProductId, after: number): Promise<Case[]>;
  timeline(scope: CustomerScope, id: CaseId): Promise<TimelineEntry[]>;
  ofThreats(scope: CustomerScope, threats: readonly ThreatId[]): Promise<Case[]>;
  list(scope: ProviderScope, filter: { customer?: CustomerId | undefined }): Promise<Case[]>;
  /** Finds a case by its id, or by `C-` and a number if only one customer has it. */
  locate(scope: ProviderScope, idOrShortId: string): Promise<Case | null>;
}

const MAX_LISTED = 500;

export function createCaseStore(db: Databases): CaseStore {
  const of = (scope: CustomerScope, condition: RawBuilder<unknown>) =>
    inCustomer(db.app, scope, (trx) => select(trx, sql`customer = ${scope.customer} and ${condition}`));
  return {
    locked: (scope, id, work) =>
      inCustomer(db.app, scope, async (trx) => {
        await sql`insert into cases_counters (customer) values (${scope.customer}) on conflict do nothing`.execute(trx);
        await sql`select 1 from cases_counters where customer = ${scope.customer} for update`.execute(trx);
        const [known] = await select(trx, sql`customer = ${scope.customer} and id = ${id}`);
        return work(transactionOf(trx, { scope, id, known: known ?? null }));
      }),
    find: async (scope, id) => (await of(scope, sql`id = ${id}`))[0] ?? null,
    changedAfter: (scope, product, after) =>
      of(scope, sql`product = ${product} and change_number > ${after}`).then((cases) =>
        cases.sort((one, other) => one.changeNumber - other.changeNumber).slice(0, MAX_LISTED),
      ),
    ofThreats: (scope, threats) => of(scope, sql`threats && ${threats}::uuid[]`),
    timeline: (scope, id) =>
      inCustomer(db.app, scope, async (trx) => {
        const { rows } = await sql<TimelineEntry>`select at, state, text, who, detail from cases_timeline
          where customer = ${scope.customer} and case_id = ${id} order by seq`.execute(trx);
        return rows;
      }),
    list: (_, filter) =>
      inProvider(db.provider, (trx) =>
        select(trx, filter.customer === undefined ? sql`true` : sql`customer = ${filter.customer}`),
      ),
    locate: (_, idOrShortId) =>
      inProvider(db.provider, async (trx) => {
        const number = /^C-([0-9]{1,12})$/.exec(idOrShortId)?.[1];
        const found = await select(
          trx,
          number === undefined ? sql`id::text = ${idOrShortId}` : sql`number = ${number}`,
        );
        return found.length === 1 ? (found[0] ?? null) : null;
      }),
  };
}

function transactionOf(
  trx: Kysely<unknown>,
  { scope, id, known }: { scope: CustomerScope; id: CaseId; known: Case | null },
): CaseTransaction {
  const note = (entry: NewEntry) =>
    sql`insert into cases_timeline (customer, case_id, state, text, who, detail)
      values (${scope.customer}, ${id}, ${entry.state}, ${entry.text}, ${entry.who}, ${entry.detail})`.execute(trx);
  return {
    known,
    async open(report, product) {
      const number = await take(trx, scope, "next_case");
      const change = await take(trx, scope, "next_change");
      // Row-level security hides another customer's case, the index over all of them does not (migration 061).
      const { rows } =
        await sql`insert into cases_cases (customer, id, number, product, endpoint, host, threats, events, note, opened_by,
          opened_at, state, change_number)
        values (${scope.customer}, ${id}, ${number}, ${product}, ${report.endpoint}, ${report.host},
          ${report.threats}::uuid[], ${report.events}::uuid[], ${report.note}, ${report.openedBy}, ${report.openedAt},
          ${report.state}, ${change})
        on conflict do nothing returning id`.execute(trx);
      if (rows.length === 0) throw new AppError("case.differs", { case: id });
      await note({ state: report.state, text: "Case opened.", who: report.openedBy, detail: report.note || null });
    },
    async move(state, entry, extra = {}) {
      const change = await take(trx, scope, "next_change");
      await sql`update cases_cases set change_number = ${change}, updated_at = now(),
          state_since = case when ${state}::text is null then state_since else now() end,
          state = coalesce(${state}::text, state),
          taken_by = coalesce(${extra.takenBy ?? null}::text, taken_by),
          pattern_id = coalesce(${extra.pattern?.id ?? null}::text, pattern_id),
          pattern_version = coalesce(${extra.pattern?.version ?? null}::int, pattern_version)
        where customer = ${scope.customer} and id = ${id}`.execute(trx);
      await note(entry);
    },
    async read() {
      const [read] = await select(trx, sql`customer = ${scope.customer} and id = ${id}`);
      if (read === undefined) throw new AppError("case.unknown", { case: id });
      return read;
    },
  };
}

/** Counters are per customer; the row is locked, so numbers follow the order of commits. */
async function take(trx: Kysely<unknown>, scope: CustomerScope, counter: "next_case" | "next_change"): Promise<number> {
  const column = sql.ref(counter);
  const { rows } = await sql<{ taken: string }>`update cases_counters set ${column} = ${column} + 1
    where customer = ${scope.customer} returning ${column} - 1 as taken`.execute(trx);
  return Number(rows[0]?.taken);
}

interface Row {
  customer: CustomerId;
  id: CaseId;
  number: string;
  product: ProductId;
  endpoint: EndpointId;
  host: string;
  threats: ThreatId[];
  events: RecordId[];
  note: string;
  opened_by: string;
  opened_at: Date;
  state: CaseState;
  state_since: Date;
  change_number: string;
  updated_at: Date;
  taken_by: string | null;
  pattern_id: PatternId | null;
  pattern_version: number | null;
}

async function select(trx: Kysely<unknown>, condition: RawBuilder<unknown>): Promise<Case[]> {
  const { rows } = await sql<Row>`select customer, id, number, product, endpoint, host, to_jsonb(threats) as threats,
      to_jsonb(events) as events, note, opened_by, opened_at, state, state_since, change_number, updated_at, taken_by,
      pattern_id, pattern_version
    from cases_cases where ${condition} order by state_since desc, id limit 5000`.execute(trx);
  return rows.map((row) => ({
    id: row.id,
    customer: row.customer,
    number: Number(row.number),
    product: row.product,
    endpoint: row.endpoint,
    host: row.host,
    threats: row.threats,
    events: row.events,
    note: row.note,
    openedBy: row.opened_by,
    openedAt: row.opened_at,
    state: row.state,
    stateSince: row.state_since,
    changeNumber: Number(row.change_number),
    updatedAt: row.updated_at,
    takenBy: row.taken_by,
    pattern:
      row.pattern_id === null || row.pattern_version === null
        ? null
        : { id: row.pattern_id, version: row.pattern_version },
  }));
}

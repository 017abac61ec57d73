import { type Clock, type CustomerId, newId, systemClock } from "@tms/records";
import { type Kysely, type QueryExecutorProvider, sql } from "kysely";
import { CHAIN_START, type ChainedEntry, type ChainVerdict, checkEntry, entryHash } from "./audit-chain.ts";

// The audit log of an app.
// A1  Numbers have no holes, and each entry holds the hash of the one before: a change or a deletion inside shows.
// A2  Writers take turns on the row of audit_head; an entry written in a caller's transaction holds it until that ends.
// A3  The app role may insert entries and read them, nothing else (grant-rights.ts). Whoever owns the database can
//     still rewrite all of it from some entry on; against that stands the copy that the stream `audit` carries away.

export interface AuditEvent {
  /** Who: a user name, `product <id>`, `token <id>`, `system`. */
  actor: string;
  /** What, as `thing.verb`: `customer.added`. */
  action: string;
  /** To what: an id. */
  subject: string;
  /** Facts for a reader; never a secret. */
  detail?: Record<string, unknown> | undefined;
  customer?: CustomerId | undefined;
}

export interface AuditEntry {
  number: number;
  id: string;
  at: string;
  actor: string;
  action: string;
  subject: string;
  customer: CustomerId | null;
  detail: Record<string, unknown>;
}

export interface Audit {
  /** Commits the entry, or leaves that to the caller's transaction (of the app role) when one is given. */
  write(event: AuditEvent, trx?: QueryExecutorProvider): Promise<void>;
  /** Newest first. */
  list(page: { page: number; pageSize: number; customer?: CustomerId | undefined }): Promise<{
    rows: AuditEntry[];
    total: number;
  }>;
  /** Entries after a number, oldest first, for the stream `audit`. */
  after(number: number, limit: number): Promise<AuditEntry[]>;
  /** Walks the whole chain. */
  verify(): Promise<ChainVerdict>;
}

const VERIFY_PAGE = 1_000;
const COLUMNS = sql`number, id, at, actor, action, subject, customer, detail::text as detail, previous, hash`;

export function createAudit<Schema>(deps: { db: { app: Kysely<Schema> }; clock?: Clock }): Audit {
  const { app } = deps.db;
  const clock = deps.clock ?? systemClock;
  return {
    write: (event, trx) =>
      trx === undefined
        ? app.transaction().execute((own) => append(own, event, clock.now()))
        : append(trx, event, clock.now()),
    async list({ page, pageSize, customer }) {
      const condition = customer === undefined ? sql`true` : sql`customer = ${customer}`;
      const { rows } = await sql<Row>`select ${COLUMNS} from audit_entries where ${condition}
        order by number desc limit ${pageSize} offset ${(page - 1) * pageSize}`.execute(app);
      const counted = await sql<{ n: string }>`select count(*) as n from audit_entries where ${condition}`.execute(app);
      return { rows: rows.map(entryOf), total: Number(counted.rows[0]?.n ?? 0) };
    },
    async after(number, limit) {
      const rows = await rowsAfter(app, number, limit);
      return rows.map(entryOf);
    },
    verify: () => verifyChain(app),
  };
}

async function append(trx: QueryExecutorProvider, event: AuditEvent, at: Date): Promise<void> {
  const locked = await sql<{ number: string; hash: string }>`select number, hash from audit_head for update`.execute(
    trx,
  );
  const head = locked.rows[0] ?? { number: "0", hash: CHAIN_START };
  const entry: ChainedEntry = {
    number: Number(head.number) + 1,
    id: newId<string>(),
    at: at.toISOString(),
    actor: event.actor,
    action: event.action,
    subject: event.subject,
    customer: event.customer ?? null,
    detail: JSON.stringify(event.detail ?? {}).replaceAll("\\u0000", "\\ufffd"),
    previous: head.hash,
  };
  const hash = entryHash(entry);
  await sql`insert into audit_entries (number, id, at, actor, action, subject, customer, detail, previous, hash)
    values (${entry.number}, ${entry.id}, ${entry.at}, ${entry.actor}, ${entry.action}, ${entry.subject},
      ${entry.customer}, ${entry.detail}::json, ${entry.previous}, ${hash})`.execute(trx);
  await sql`update audit_head set number = ${entry.number}, hash = ${hash}`.execute(trx);
}

async function verifyChain(app: QueryExecutorProvider): Promise<ChainVerdict> {
  // The head is read first: entries that are added meanwhile lie behind it.
  const { rows: heads } = await sql<{ number: string; hash: string }>`select number, hash from audit_head`.execute(app);
  const head = { number: Number(heads[0]?.number ?? 0), hash: heads[0]?.hash ?? CHAIN_START };
  let place = { number: 0, previous: CHAIN_START };
  while (place.number < head.number) {
    const rows = await rowsAfter(app, place.number, VERIFY_PAGE);
    if (rows.length === 0) return { ok: false, number: place.number + 1, problem: "cut" };
    for (const row of rows) {
      const problem = checkEntry(chainedOf(row), { number: place.number + 1, previous: place.previous });
      if (problem !== null) return problem;
      place = { number: Number(row.number), previous: row.hash };
      if (place.number === head.number && row.hash !== head.hash) {
        return { ok: false, number: place.number, problem: "changed" };
      }
    }
  }
  return { ok: true, entries: place.number };
}

async function rowsAfter(app: QueryExecutorProvider, number: number, limit: number): Promise<Row[]> {
  const { rows } = await sql<Row>`select ${COLUMNS} from audit_entries where number > ${number}
    order by number limit ${limit}`.execute(app);
  return rows;
}

interface Row {
  number: string;
  id: string;
  at: string;
  actor: string;
  action: string;
  subject: string;
  customer: CustomerId | null;
  detail: string;
  previous: string;
  hash: string;
}

function chainedOf(row: Row): ChainedEntry & { hash: string } {
  return { ...row, number: Number(row.number) };
}

function entryOf(row: Row): AuditEntry {
  const { id, at, actor, action, subject, customer } = row;
  return {
    number: Number(row.number),
    id,
    at,
    actor,
    action,
    subject,
    customer,
    detail: JSON.parse(row.detail) as Record<string, unknown>,
  };
}

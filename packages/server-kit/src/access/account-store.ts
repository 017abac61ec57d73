import type { AccountId } from "@tms/records";
import { type Kysely, type QueryExecutorProvider, sql } from "kysely";
import type { Session } from "../http/session-source.ts";

export interface AccountRow {
  id: AccountId;
  userName: string;
  role: string;
  passwordHash: string;
}

export type SetUpOutcome = { kind: "done"; account: AccountRow } | { kind: "link_used" } | { kind: "name_taken" };

/** SQL of accounts, sessions and set-up links. They belong to no customer: the app role reads them unguarded. */
export function createAccountStore<Schema>(app: Kysely<Schema>) {
  return {
    async count(): Promise<number> {
      const { rows } = await sql<{ n: string }>`select count(*) as n from accounts_accounts`.execute(app);
      return Number(rows[0]?.n ?? 0);
    },
    findByName: (userName: string) => findByName(app, userName),
    async list(): Promise<{ userName: string; role: string; createdAt: Date }[]> {
      const { rows } = await sql<{ user_name: string; role: string; created_at: Date }>`
        select user_name, role, created_at from accounts_accounts order by name_key`.execute(app);
      return rows.map((row) => ({ userName: row.user_name, role: row.role, createdAt: row.created_at }));
    },
    /** False when the name is taken. */
    insert: (account: AccountRow) => insert(app, account),
    saveLink: (link: NewLink) => app.transaction().execute((trx) => saveLink(trx, link)),
    reset: (reset: AccountReset) => app.transaction().execute((trx) => resetAccount(trx, reset)),
    async linkIsOpen(sha256: Buffer, now: Date): Promise<boolean> {
      const { rows } = await sql`select 1 from accounts_setup_links
        where token_sha256 = ${sha256} and used_at is null and expires_at > ${now}`.execute(app);
      return rows.length > 0;
    },
    /** Uses the link and makes or changes the account, both or neither. */
    useLink: (use: { sha256: Buffer; now: Date; account: AccountRow }) => useLink(app, use),
    /** False when the account's password is no longer the one that was proved. */
    async saveSession(session: Session & { sha256: Buffer; now: Date; provedHash: string }): Promise<boolean> {
      await sql`delete from accounts_sessions where expires_at <= ${session.now}`.execute(app);
      // Locked against a reset that is under way: it ends this session, or this finds the password changed.
      const { rows } =
        await sql`insert into accounts_sessions (token_sha256, account, kind, role, created_at, expires_at)
        select ${session.sha256}::bytea, id, ${session.kind}, ${session.role}, ${session.now}::timestamptz,
          ${session.expiresAt}::timestamptz
        from (select id from accounts_accounts where id = ${session.account} and password_hash = ${session.provedHash}
          for share) as account returning 1`.execute(app);
      return rows.length > 0;
    },
    async findSession(sha256: Buffer, kind: Session["kind"], now: Date): Promise<Session | null> {
      const { rows } = await sql<{ account: AccountId; user_name: string; role: string; expires_at: Date }>`
        select s.account, a.user_name, s.role, s.expires_at from accounts_sessions s
        join accounts_accounts a on a.id = s.account
        where s.token_sha256 = ${sha256} and s.kind = ${kind} and s.expires_at > ${now}`.execute(app);
      const row = rows[0];
      if (row === undefined) return null;
      return { account: row.account, userName: row.user_name, role: row.role, kind, expiresAt: row.expires_at };
    },
    async endSession(sha256: Buffer): Promise<void> {
      await sql`delete from accounts_sessions where token_sha256 = ${sha256}`.execute(app);
    },
  };
}

interface NewLink {
  sha256: Buffer;
  account: AccountId | null;
  expiresAt: Date;
}

interface AccountReset {
  sha256: Buffer;
  account: AccountRow;
  expiresAt: Date;
  /** Of a password that nobody has. */
  passwordHash: string;
  note(trx: QueryExecutorProvider, done: { userName: string; sessionsEnded: number }): Promise<void>;
}

async function saveLink(trx: QueryExecutorProvider, link: NewLink): Promise<void> {
  // The newest link is the only one: an old print-out in a log opens nothing.
  await sql`delete from accounts_setup_links where account is not distinct from ${link.account}`.execute(trx);
  await sql`insert into accounts_setup_links (token_sha256, account, expires_at)
    values (${link.sha256}, ${link.account}, ${link.expiresAt})`.execute(trx);
}

async function resetAccount(trx: QueryExecutorProvider, reset: AccountReset): Promise<number> {
  const { id, userName } = reset.account;
  // First the account's own row: a log-on with the old password that is under way waits for it (saveSession).
  await sql`update accounts_accounts set password_hash = ${reset.passwordHash}, password_set_at = now()
    where id = ${id}`.execute(trx);
  const ended = await sql`delete from accounts_sessions where account = ${id} returning 1`.execute(trx);
  await saveLink(trx, { sha256: reset.sha256, account: id, expiresAt: reset.expiresAt });
  const sessionsEnded = ended.rows.length;
  await reset.note(trx, { userName, sessionsEnded });
  return sessionsEnded;
}

export type AccountStore = ReturnType<typeof createAccountStore>;

async function findByName(db: QueryExecutorProvider, userName: string): Promise<AccountRow | null> {
  const { rows } = await sql<{ id: AccountId; user_name: string; role: string; password_hash: string }>`
    select id, user_name, role, password_hash from accounts_accounts where name_key = ${nameKey(userName)}`.execute(db);
  const row = rows[0];
  return row === undefined
    ? null
    : { id: row.id, userName: row.user_name, role: row.role, passwordHash: row.password_hash };
}

async function insert(db: QueryExecutorProvider, account: AccountRow): Promise<boolean> {
  const { rows } = await sql`insert into accounts_accounts (id, user_name, name_key, password_hash, role)
    values (${account.id}, ${account.userName}, ${nameKey(account.userName)}, ${account.passwordHash}, ${account.role})
    on conflict (name_key) do nothing returning id`.execute(db);
  return rows.length > 0;
}

/** Thrown inside the transaction only, so that it rolls back; never leaves this file. */
class Refused extends Error {
  readonly outcome: SetUpOutcome;
  constructor(outcome: SetUpOutcome) {
    super(outcome.kind);
    this.outcome = outcome;
  }
}

async function useLink<Schema>(
  app: Kysely<Schema>,
  use: { sha256: Buffer; now: Date; account: AccountRow },
): Promise<SetUpOutcome> {
  try {
    return await app.transaction().execute(async (trx) => {
      // The update locks the row: of two who use the link at once, the second finds it used.
      const { rows } = await sql<{ account: AccountId | null }>`update accounts_setup_links set used_at = ${use.now}
        where token_sha256 = ${use.sha256} and used_at is null and expires_at > ${use.now}
        returning account`.execute(trx);
      const link = rows[0];
      if (link === undefined) throw new Refused({ kind: "link_used" });
      return link.account === null ? makeFirst(trx, use.account) : setPassword(trx, link.account, use.account);
    });
  } catch (error) {
    if (error instanceof Refused) return error.outcome;
    throw error;
  }
}

async function makeFirst(trx: QueryExecutorProvider, account: AccountRow): Promise<SetUpOutcome> {
  const { rows } = await sql`select 1 from accounts_accounts limit 1`.execute(trx);
  // The link makes the *first* administrator; once there is one, it is worth nothing.
  if (rows.length > 0) throw new Refused({ kind: "link_used" });
  if (!(await insert(trx, account))) throw new Refused({ kind: "name_taken" });
  return { kind: "done", account };
}

async function setPassword(trx: QueryExecutorProvider, id: AccountId, given: AccountRow): Promise<SetUpOutcome> {
  const { rows } = await sql<{ user_name: string; role: string }>`update accounts_accounts
    set password_hash = ${given.passwordHash}, password_set_at = now()
    where id = ${id} and name_key = ${nameKey(given.userName)} returning user_name, role`.execute(trx);
  const row = rows[0];
  if (row === undefined) throw new Refused({ kind: "link_used" });
  // Whoever knew the old password is logged off everywhere.
  await sql`delete from accounts_sessions where account = ${id}`.execute(trx);
  const { passwordHash } = given;
  return { kind: "done", account: { id, userName: row.user_name, role: row.role, passwordHash } };
}

/** Names are compared without case and in one Unicode form. */
export function nameKey(userName: string): string {
  return userName.normalize("NFKC").trim().toLowerCase();
}

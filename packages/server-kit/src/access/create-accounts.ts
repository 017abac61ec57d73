import { type AccountId, AppError, type Clock, newId, systemClock } from "@tms/records";
import type { Kysely, QueryExecutorProvider } from "kysely";
import type { Session } from "../http/session-source.ts";
import { type AccountRow, createAccountStore, nameKey } from "./account-store.ts";
import { createThrottle } from "./create-throttle.ts";
import { createPasswordHasher, type PasswordHasher } from "./hash-passwords.ts";
import { looksLikeToken, newSecretToken, tokenHash } from "./secret-token.ts";

// People who log on.
// P1  Of every token (cookie, bearer, set-up link) only the SHA-256 is stored.
// P2  An unknown name costs the same hash as a wrong password, and both give the same answer.
// P3  Five tries per name and address, counted before they are made; then a minute's wait.
// P4  A bearer token is worth the role `expert` and nothing else, and only an expert gets one.
// P5  A reset leaves no way in but its link: not the old password, no session, no token.
// P6  A set-up link works once, the newest only; a password set anew ends all sessions of the account.

export interface Accounts {
  /** True while there is no account: the log-on page then shows the set-up. */
  setUpNeeded(): Promise<boolean>;
  /**
   * Makes a one-time link `/#/setup?token=…`: for the first administrator, or to set an account's password anew.
   *
   * @throws {AppError} `session.credentials_wrong` if the named account does not exist.
   */
  makeSetUpLink(reset?: { userName: string }): Promise<string>;
  /**
   * Takes an account from whoever has it: its password and all its sessions and tokens end at once, and the returned
   * one-time link sets a new password. For an administrator of the host.
   *
   * @param note Written in the same transaction: both happen, or neither.
   * @throws {AppError} `account.unknown`, naming those that there are.
   */
  reset(
    userName: string,
    note: (trx: QueryExecutorProvider, done: { userName: string; sessionsEnded: number }) => Promise<void>,
  ): Promise<{ userName: string; link: string; expiresAt: Date; sessionsEnded: number }>;
  setUp(given: { token: string; userName: string; password: string }): Promise<Session & { token: string }>;
  add(given: { userName: string; password: string; role: string }): Promise<{ userName: string; role: string }>;
  list(): Promise<{ userName: string; role: string; createdAt: Date }[]>;
  logOn(given: Credentials): Promise<Session & { token: string }>;
  /** A bearer token for the expert's CLI. */
  issueToken(given: Credentials): Promise<{ token: string; expiresAt: Date; userName: string }>;
  find(token: string, kind: Session["kind"]): Promise<Session | null>;
  end(token: string): Promise<void>;
}

export interface Credentials {
  userName: string;
  password: string;
  /** Where the request came from; part of the throttle's key. */
  address: string;
}

export interface AccountsDeps<Schema> {
  db: { app: Kysely<Schema> };
  hasher?: PasswordHasher;
  clock?: Clock;
}

const SESSION_MS = 12 * 60 * 60_000;
/** Long enough to open a console after an installation; a restart makes a new one. */
const SETUP_LINK_MS = 24 * 60 * 60_000;
const MIN_PASSWORD_LENGTH = 12;
/** Who a set-up link makes. */
const FIRST_ROLE = "administrator";
const TOKEN_ROLE = "expert";

export async function createAccounts<Schema>(deps: AccountsDeps<Schema>): Promise<Accounts> {
  const store = createAccountStore(deps.db.app);
  const hasher = deps.hasher ?? (await createPasswordHasher());
  const clock = deps.clock ?? systemClock;
  const throttle = createThrottle({ clock });

  async function prove({ userName, password, address }: Credentials): Promise<AccountRow> {
    const key = `${nameKey(userName)} ${address}`;
    throttle.begin(key);
    const account = await store.findByName(userName);
    const isRight = await hasher.verify(account?.passwordHash ?? hasher.decoyHash, password);
    if (account === null || !isRight) throw new AppError("session.credentials_wrong", { address });
    throttle.succeeded(key);
    return account;
  }

  async function open(account: AccountRow, kind: Session["kind"]) {
    const now = clock.now();
    const { token, sha256 } = newSecretToken();
    const session: Session = {
      account: account.id,
      userName: account.userName,
      role: kind === "bearer" ? TOKEN_ROLE : account.role,
      kind,
      expiresAt: new Date(now.getTime() + SESSION_MS),
    };
    const isSaved = await store.saveSession({ ...session, sha256, now, provedHash: account.passwordHash });
    if (!isSaved) throw new AppError("session.credentials_wrong", { reason: "the password was changed meanwhile" });
    return { ...session, token };
  }

  return {
    setUpNeeded: async () => (await store.count()) === 0,
    async makeSetUpLink(reset) {
      const account = reset === undefined ? null : await store.findByName(reset.userName);
      if (reset !== undefined && account === null) throw new AppError("session.credentials_wrong", { ...reset });
      const { token, sha256 } = newSecretToken();
      const expiresAt = new Date(clock.now().getTime() + SETUP_LINK_MS);
      await store.saveLink({ sha256, account: account?.id ?? null, expiresAt });
      return `/#/setup?token=${token}`;
    },
    async reset(userName, note) {
      const account = await store.findByName(userName);
      if (account === null) {
        throw new AppError("account.unknown", { userName, accounts: (await store.list()).map((one) => one.userName) });
      }
      const { token, sha256 } = newSecretToken();
      const expiresAt = new Date(clock.now().getTime() + SETUP_LINK_MS);
      const sessionsEnded = await store.reset({ sha256, account, expiresAt, passwordHash: hasher.decoyHash, note });
      return { userName: account.userName, link: `/#/setup?token=${token}`, expiresAt, sessionsEnded };
    },
    async setUp({ token, userName, password }) {
      demandPassword(password);
      const sha256 = tokenHash(token);
      // Looked at before the hash is made: a guess costs a guesser more than us.
      if (!(await store.linkIsOpen(sha256, clock.now()))) throw new AppError("setup.link_used");
      const account = await newAccount(hasher, { userName, password, role: FIRST_ROLE });
      const outcome = await store.useLink({ sha256, now: clock.now(), account });
      if (outcome.kind === "link_used") throw new AppError("setup.link_used");
      if (outcome.kind === "name_taken") throw new AppError("account.name_taken");
      return open(outcome.account, "cookie");
    },
    async add(given) {
      demandPassword(given.password);
      const account = await newAccount(hasher, given);
      if (!(await store.insert(account))) throw new AppError("account.name_taken");
      return { userName: account.userName, role: account.role };
    },
    list: () => store.list(),
    logOn: async (given) => open(await prove(given), "cookie"),
    async issueToken(given) {
      const account = await prove(given);
      if (account.role !== TOKEN_ROLE) throw new AppError("session.forbidden", { role: account.role });
      const { token, expiresAt } = await open(account, "bearer");
      return { token, expiresAt, userName: account.userName };
    },
    find: async (token, kind) =>
      looksLikeToken(token) ? store.findSession(tokenHash(token), kind, clock.now()) : null,
    end: (token) => store.endSession(tokenHash(token)),
  };
}

function demandPassword(password: string): void {
  if (password.length < MIN_PASSWORD_LENGTH) throw new AppError("account.password_weak");
}

async function newAccount(
  hasher: PasswordHasher,
  given: { userName: string; password: string; role: string },
): Promise<AccountRow> {
  return {
    id: newId<AccountId>(),
    userName: given.userName.trim(),
    role: given.role,
    passwordHash: await hasher.hash(given.password),
  };
}

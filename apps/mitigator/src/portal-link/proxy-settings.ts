import { AppError, type Clock } from "@tms/records";

/** The proxy as it is saved: everything but its password. */
export interface ProxyAddress {
  kind: "http" | "socks4" | "socks5";
  host: string;
  port: number;
  userName?: string | undefined;
}

/** The proxy as it is dialled. */
export interface DialledProxy extends ProxyAddress {
  password?: string | undefined;
}

export interface StoredProxy {
  settings: ProxyAddress;
  passwordSealed: string | null;
  passwordKeptSince: Date | null;
}

export interface ProxyStore {
  /** null = no proxy. */
  proxy(): Promise<StoredProxy | null>;
  saveProxy(proxy: StoredProxy | null, now: Date): Promise<void>;
}

/** What a person typed; an absent password keeps the stored one. */
export type TypedProxy = { kind: "none" } | DialledProxy;

export interface ProxyDeps {
  store: ProxyStore;
  secrets: { seal(text: string): string; open(sealed: string): string };
  /** Brings the line in step with what is saved. */
  apply: () => Promise<void>;
  clock: Clock;
}

/** The proxy that is dialled through; null = none. */
export async function proxyInForce(deps: Pick<ProxyDeps, "store" | "secrets">): Promise<DialledProxy | null> {
  const stored = await deps.store.proxy();
  return stored === null ? null : proxyOf(stored, deps.secrets);
}

/**
 * What a test of typed values dials.
 *
 * The stored password belongs to the stored proxy and user: it is never sent to another address, because whoever may
 * type an address could otherwise have it sent to a server of their own.
 *
 * @throws {AppError} `proxy.password_again` if another proxy or user was typed without its password.
 */
export function completeProxy(
  typed: TypedProxy,
  stored: StoredProxy | null,
  secrets: ProxyDeps["secrets"],
): DialledProxy | null {
  if (typed.kind === "none") return null;
  if (typed.password !== undefined || typed.userName === undefined) return typed;
  if (stored === null || stored.passwordSealed === null) return typed;
  const { kind, host, port, userName } = stored.settings;
  const isSame = kind === typed.kind && host === typed.host && port === typed.port && userName === typed.userName;
  if (!isSame) throw new AppError("proxy.password_again", { host: typed.host });
  return { ...typed, password: secrets.open(stored.passwordSealed) };
}

/** Saves the page; what is in force is dialled through from here on. */
export function createSaveProxy(deps: ProxyDeps) {
  return async function saveProxy(typed: TypedProxy): Promise<void> {
    const before = await deps.store.proxy();
    const proxy = completeProxy(typed, before, deps.secrets);
    const now = deps.clock.now();
    if (proxy === null) {
      await deps.store.saveProxy(null, now);
    } else {
      const { password, ...settings } = proxy;
      const isKept = typed.kind !== "none" && typed.password === undefined;
      await deps.store.saveProxy(
        {
          settings,
          passwordSealed: password === undefined ? null : deps.secrets.seal(password),
          passwordKeptSince: password === undefined ? null : isKept ? (before?.passwordKeptSince ?? now) : now,
        },
        now,
      );
    }
    await deps.apply();
  };
}

function proxyOf(stored: StoredProxy, secrets: ProxyDeps["secrets"]): DialledProxy {
  const { settings, passwordSealed } = stored;
  return passwordSealed === null ? settings : { ...settings, password: secrets.open(passwordSealed) };
}

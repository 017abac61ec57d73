import {
  createDial,
  identityInForce,
  type LowerKeys,
  registerLower,
  SPOOL_LIMITS,
  type Spool,
  type StoredIdentity,
} from "@tms/link/lower";
import { AppError, type Clock } from "@tms/records";
import type { SecretBox } from "@tms/server-kit";
import {
  type ConnectionTests,
  createConnectionTests,
  createSaveProxy,
  createSaveSettings,
  createTestTokens,
  createUnregisterPortal,
  type DialledProxy,
  newLanes,
  type PortalLinkRouteDeps,
  type PortalLinkStore,
  type PortalSettings,
  type ProxyRouteDeps,
  type ProxyStore,
  proxyInForce,
  registrationRequest,
  runConnectionTest,
} from "#app/portal-link/index.ts";
import type { Site, SiteLog, SiteStores } from "./compose-site.ts";
import type { Instance } from "./instance-id.ts";
import { VERSION } from "./version.ts";

export interface SettingsParts {
  stores: SiteStores;
  site: Site;
  secrets: SecretBox;
  keys: LowerKeys;
  spool: Spool;
  instance: Instance;
  proxy: () => Promise<DialledProxy | null>;
  writeAudit: (actor: string, action: string, subject: string, detail?: Record<string, unknown>) => Promise<void>;
  clock: Clock;
  log: SiteLog;
}

// Binds each sealed password to its place, so that it opens nowhere else.
const PASSWORD_BOUND = "portal_link_settings.password";
const PROXY_PASSWORD_BOUND = "portal_link_proxy.password";

/** Reads the proxy in force, its password opened. */
export function createProxyReader(store: ProxyStore, secrets: SecretBox): () => Promise<DialledProxy | null> {
  return () => proxyInForce({ store, secrets: boxFor(secrets, PROXY_PASSWORD_BOUND) });
}

export interface SettingsPages {
  portal: PortalLinkRouteDeps;
  proxy: ProxyRouteDeps;
  /** Those that may be running when we stop. */
  tests: ConnectionTests;
}

/** What the pages under Services need. */
export function composeSettings(parts: SettingsParts): SettingsPages {
  const { stores, site, clock, secrets } = parts;
  const tokens = createTestTokens(clock);
  const { proxy } = parts;
  // What the registration bought may have been renewed since: what counts, and is shown, is the certificate in force.
  const store: PortalLinkStore = {
    ...stores.portal,
    registration: async () => {
      const known = await stores.portal.registration();
      return known === null ? null : { ...known, identity: await identityInForce(parts.keys, known.identity) };
    },
  };
  const box = boxFor(secrets, PASSWORD_BOUND);
  const proxyBox = boxFor(secrets, PROXY_PASSWORD_BOUND);
  const storedPassword = async () => {
    const sealed = (await stores.portal.settings())?.passwordSealed ?? null;
    return sealed === null ? null : box.open(sealed);
  };
  const auditPortal = (actor: string, action: string, detail: Record<string, unknown>) =>
    parts.writeAudit(actor, action, "portal", detail);
  const tests = createConnectionTests({
    run: runConnectionTest,
    tokens,
    newLanes,
    onError: (error) => parts.log.error({ err: error }, "a connection test failed"),
    clock,
  });
  const portal: PortalLinkRouteDeps = {
    store,
    tests,
    saveSettings: createSaveSettings({
      store,
      tokens,
      secrets: box,
      proxy,
      register: (values) => registerHere(parts, values),
      isRefused: () => site.line.state().state === "refused",
      apply: () => site.line.apply(),
      clock,
    }),
    unregisterPortal: createUnregisterPortal({
      store: stores.portal,
      tellPortal: () => site.line.unregister(),
      apply: () => site.line.apply(),
    }),
    storedPassword,
    line: () => site.line.state(),
    sendNow: () => site.line.sendNow(),
    proxy,
    spool: () => spoolFill(parts.spool),
    streams: () => parts.spool.report(),
    errors: () => site.errors.list(),
    audit: auditPortal,
  };
  const proxyPage: ProxyRouteDeps = {
    proxies: stores.proxies,
    portal: stores.portal,
    tests,
    secrets: proxyBox,
    saveProxy: createSaveProxy({ store: stores.proxies, secrets: proxyBox, apply: () => site.line.apply(), clock }),
    storedPassword,
    audit: auditPortal,
  };
  return { portal, proxy: proxyPage, tests };
}

/** Registers this installation. A copy of another one is refused as such, and becomes one that shares nothing with it. */
async function registerHere(
  { keys, instance, proxy }: SettingsParts,
  { settings, password }: { settings: PortalSettings; password: string },
): Promise<StoredIdentity> {
  const { statusServer, caPins, patternRoot } = settings;
  const dial = createDial({ proxy: await proxy() });
  const register = (freshKeys: boolean) => {
    const request = registrationRequest(settings, { password, instanceId: instance.current(), version: VERSION });
    return registerLower({ keys, freshKeys, dial, statusServer, caPins, patternRoot, request });
  };
  try {
    return await register(false);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "link.identity_clone") throw error;
  }
  await instance.renew();
  return register(true);
}

function boxFor(secrets: SecretBox, bound: string) {
  return {
    seal: (text: string) => secrets.seal(text, bound),
    open: (sealed: string) => secrets.open(sealed, bound),
  };
}

function spoolFill(spool: Spool): { records: number; bytes: number; maxBytes: number; oldestAt: string | null } {
  const reports = spool.report();
  const oldest = reports.flatMap(({ oldestAt }) => (oldestAt === null ? [] : [oldestAt])).sort();
  return {
    records: reports.reduce((sum, one) => sum + one.spooledRecords, 0),
    bytes: reports.reduce((sum, one) => sum + one.spooledBytes, 0),
    maxBytes: SPOOL_LIMITS.maxBytes * spool.streams.length,
    oldestAt: oldest[0] ?? null,
  };
}

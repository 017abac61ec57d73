import { type ProxyView, proxySettingsRoutes, type ProxySettings as WireProxy } from "@tms/contracts/mitigator";
import { AppError } from "@tms/records";
import { implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import { testToWire } from "./portal-link-routes.ts";
import type { PortalLinkStore } from "./portal-link-store.ts";
import { completeProxy, type ProxyDeps, type ProxyStore, type TypedProxy } from "./proxy-settings.ts";
import type { ConnectionTests } from "./test-connection.ts";

export interface ProxyRouteDeps {
  proxies: ProxyStore;
  portal: Pick<PortalLinkStore, "settings">;
  tests: ConnectionTests;
  secrets: ProxyDeps["secrets"];
  saveProxy: (typed: TypedProxy) => Promise<void>;
  storedPassword: () => Promise<string | null>;
  audit: (actor: string, action: string, detail: Record<string, unknown>) => Promise<void>;
}

/** The API of Services › Proxy Settings. */
export function registerProxyRoutes(app: FastifyInstance, deps: ProxyRouteDeps): void {
  implement(app, proxySettingsRoutes.getProxySettings, () => proxyView(deps));

  implement(app, proxySettingsRoutes.testProxySettings, async ({ body, session }) => {
    const [stored, password] = await Promise.all([deps.portal.settings(), deps.storedPassword()]);
    if (stored === null || password === null) throw new AppError("proxy.portal_first");
    const proxy = completeProxy(body, await deps.proxies.proxy(), deps.secrets);
    await deps.audit(session.userName, "proxy-settings.tested", auditOf(body));
    return testToWire(deps.tests.start({ settings: stored.settings, password, proxy }));
  });

  implement(app, proxySettingsRoutes.saveProxySettings, async ({ body, session }) => {
    await deps.saveProxy(body);
    await deps.audit(session.userName, "proxy-settings.saved", auditOf(body));
    return proxyView(deps);
  });
}

async function proxyView(deps: ProxyRouteDeps): Promise<ProxyView> {
  const [proxy, portal] = await Promise.all([deps.proxies.proxy(), deps.portal.settings()]);
  return {
    settings: proxy?.settings ?? { kind: "none" },
    passwordKeptSince: proxy?.passwordKeptSince?.toISOString() ?? null,
    reaches:
      portal === null
        ? null
        : {
            logServer: `${portal.settings.logServer.host}:${portal.settings.logServer.port}`,
            statusServer: `${portal.settings.statusServer.host}:${portal.settings.statusServer.port}`,
            protocol: portal.settings.protocol,
          },
  };
}

function auditOf(typed: WireProxy): Record<string, unknown> {
  if (typed.kind === "none") return { kind: "none" };
  const { kind, host, port, userName } = typed;
  return { kind, proxy: `${host}:${port}`, ...(userName === undefined ? {} : { userName }) };
}

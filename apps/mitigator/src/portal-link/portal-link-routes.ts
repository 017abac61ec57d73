import {
  type ConnectionTest,
  type PortalConnection,
  portalConnectionRoutes,
  type PortalSettings as WireSettings,
} from "@tms/contracts/mitigator";
import { AppError } from "@tms/records";
import { implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import type { LineState } from "./portal-line.ts";
import type { PortalLinkStore } from "./portal-link-store.ts";
import type { PortalSettings } from "./portal-settings.ts";
import type { createSaveSettings } from "./save-settings.ts";
import type { ConnectionTests, RunningTest } from "./test-connection.ts";
import type { createUnregisterPortal } from "./unregister-portal.ts";

export interface PortalLinkRouteDeps {
  store: PortalLinkStore;
  tests: ConnectionTests;
  saveSettings: ReturnType<typeof createSaveSettings>;
  unregisterPortal: ReturnType<typeof createUnregisterPortal>;
  storedPassword: () => Promise<string | null>;
  line: () => LineState;
  spool: () => { records: number; bytes: number; oldestAt: string | null };
  audit: (actor: string, action: string, detail: Record<string, unknown>) => Promise<void>;
}

/** The API of Services › Threat Management Services Portal. */
export function registerPortalLinkRoutes(app: FastifyInstance, deps: PortalLinkRouteDeps): void {
  implement(app, portalConnectionRoutes.getPortalConnection, () => connectionOf(deps));

  implement(app, portalConnectionRoutes.readConnectionDetails, async ({ body }) => {
    const common = {
      sending: true,
      statusServer: body.statusServer,
      userName: body.userName,
      caPins: body.caPins,
      sshHostKeys: body.sshHostKeys,
      patternRoot: body.patternRoot,
    };
    return {
      ssl: { ...common, protocol: "ssl" as const, logServer: body.logServer.ssl },
      ssh: { ...common, protocol: "ssh" as const, logServer: body.logServer.ssh },
    };
  });

  registerTestRoutes(app, deps);

  implement(app, portalConnectionRoutes.savePortalConnection, async ({ body, session }) => {
    const { password, settings } = partsOf(body.settings);
    const saved = await deps.saveSettings({
      settings,
      password,
      testToken: body.testToken,
      confirmUntested: body.confirmUntested === true,
    });
    const { sending, protocol, statusServer, logServer, userName } = settings;
    await deps.audit(session.userName, saved.untested ? "portal-settings.saved-untested" : "portal-settings.saved", {
      sending,
      protocol,
      statusServer: `${statusServer.host}:${statusServer.port}`,
      logServer: `${logServer.host}:${logServer.port}`,
      userName,
      registered: saved.registered,
    });
    return connectionOf(deps);
  });

  implement(app, portalConnectionRoutes.unregister, async ({ body, session }) => {
    await deps.unregisterPortal(body.typedName);
    await deps.audit(session.userName, "portal.unregistered", {});
    return connectionOf(deps);
  });
}

function registerTestRoutes(app: FastifyInstance, deps: PortalLinkRouteDeps): void {
  implement(app, portalConnectionRoutes.testPortalConnection, async ({ body, session }) => {
    const { password, settings } = partsOf(body);
    const known = password ?? (await deps.storedPassword());
    if (known === null) {
      throw new AppError("request.malformed", { fields: [{ path: "password", message: "is needed once" }] });
    }
    await deps.audit(session.userName, "portal-connection.tested", { userName: settings.userName });
    return testOf(deps.tests.start({ settings, password: known }));
  });
  implement(app, portalConnectionRoutes.getConnectionTest, async ({ params }) => testOf(deps.tests.get(params.id)));
  implement(app, portalConnectionRoutes.cancelConnectionTest, async ({ params }) =>
    testOf(await deps.tests.cancel(params.id)),
  );
}

function partsOf(wire: WireSettings): { settings: PortalSettings; password: string | undefined } {
  const { password, ...settings } = wire;
  return { settings, password };
}

function testOf(test: RunningTest): ConnectionTest {
  return {
    id: test.id,
    startedAt: test.startedAt.toISOString(),
    finishedAt: test.finishedAt?.toISOString() ?? null,
    ok: test.ok,
    testToken: test.token?.token ?? null,
    testTokenExpiresAt: test.token?.expiresAt.toISOString() ?? null,
    lanes: test.lanes,
  };
}

async function connectionOf(deps: PortalLinkRouteDeps): Promise<PortalConnection> {
  const [stored, registration] = await Promise.all([deps.store.settings(), deps.store.registration()]);
  const line = deps.line();
  const { lastError } = line;
  return {
    settings: stored?.settings ?? null,
    passwordKeptSince: stored?.passwordKeptSince?.toISOString() ?? null,
    registration:
      registration === null
        ? null
        : {
            product: registration.identity.product,
            customer: { id: registration.identity.customer, name: registration.customerName },
            registeredAt: registration.registeredAt.toISOString(),
            certificateNotAfter: registration.identity.certificateNotAfter,
            pinned: registration.identity.pinned,
          },
    state: stateOf({ registered: registration !== null, sending: stored?.settings.sending === true, line }),
    lastHeartbeatAt: line.lastHeartbeatAt?.toISOString() ?? null,
    lastLogsAt: line.lastLogsAt?.toISOString() ?? null,
    lastError: lastError === null ? null : { ...lastError, at: lastError.at.toISOString() },
    spool: deps.spool(),
  };
}

function stateOf(facts: { registered: boolean; sending: boolean; line: LineState }): PortalConnection["state"] {
  if (!facts.registered) return "not-registered";
  if (!facts.sending) return "sending-disabled";
  // A line that has just begun has not been answered yet.
  return facts.line.state === "awaited" ? "not-answering" : facts.line.state;
}

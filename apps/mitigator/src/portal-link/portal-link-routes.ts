import {
  type ConnectionTest,
  type PortalConnection,
  portalConnectionRoutes,
  type PortalSettings as WireSettings,
} from "@tms/contracts/mitigator";
import { AppError, type Stream } from "@tms/records";
import { implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import type { LineState } from "./portal-line.ts";
import type { PortalLinkStore, StoredSettings } from "./portal-link-store.ts";
import type { Frequency, PortalSettings } from "./portal-settings.ts";
import type { DialledProxy } from "./proxy-settings.ts";
import type { LineError } from "./recent-errors.ts";
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
  sendNow: () => void;
  proxy: () => Promise<DialledProxy | null>;
  spool: () => { records: number; bytes: number; maxBytes: number; oldestAt: string | null };
  streams: () => readonly StreamFill[];
  errors: () => readonly LineError[];
  audit: (actor: string, action: string, detail: Record<string, unknown>) => Promise<void>;
}

interface StreamFill {
  stream: Stream;
  spooledRecords: number;
  spooledBytes: number;
  oldestAt: string | null;
  ackedAt: string | null;
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
      sendMeanwhile: body.sendMeanwhile === true,
    });
    const { sending, protocol, statusServer, logServer, userName } = settings;
    await deps.audit(session.userName, saved.untested ? "portal-settings.saved-untested" : "portal-settings.saved", {
      sending,
      protocol,
      statusServer: `${statusServer.host}:${statusServer.port}`,
      logServer: `${logServer.host}:${logServer.port}`,
      userName,
      registered: saved.registered,
      frequencyMinutes: settings.frequencyMinutes,
      uploadKbits: settings.uploadKbits,
      downloadKbits: settings.downloadKbits,
      ...(body.sendMeanwhile === true ? { sendMeanwhile: true } : {}),
    });
    return connectionOf(deps);
  });

  implement(app, portalConnectionRoutes.sendNow, async ({ session }) => {
    const [stored, registration] = await Promise.all([deps.store.settings(), deps.store.registration()]);
    if (registration === null) throw new AppError("portal.not_registered");
    if (stored?.settings.sending !== true) throw new AppError("portal.sending_disabled");
    deps.sendNow();
    await deps.audit(session.userName, "portal.sent-now", {});
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
    return testToWire(deps.tests.start({ settings, password: known, proxy: await deps.proxy() }));
  });
  implement(app, portalConnectionRoutes.getConnectionTest, async ({ params }) => testToWire(deps.tests.get(params.id)));
  implement(app, portalConnectionRoutes.cancelConnectionTest, async ({ params }) =>
    testToWire(await deps.tests.cancel(params.id)),
  );
}

function partsOf(wire: WireSettings): { settings: PortalSettings; password: string | undefined } {
  const { password, ...settings } = wire;
  return { settings, password };
}

export function testToWire(test: RunningTest): ConnectionTest {
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
  const [stored, registration, proxy, skipped] = await Promise.all([
    deps.store.settings(),
    deps.store.registration(),
    deps.proxy(),
    deps.store.skipped(),
  ]);
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
    streams: deps.streams().map(({ stream, spooledRecords, spooledBytes, oldestAt, ackedAt }) => ({
      stream,
      records: spooledRecords,
      bytes: spooledBytes,
      oldestAt,
      ackedAt,
    })),
    errors: deps
      .errors()
      .map((error) => ({ ...error, at: error.at.toISOString(), firstAt: error.firstAt.toISOString() })),
    schedule: scheduleOf(line),
    disabled: disabledOf(stored, skipped),
    proxy: proxy === null ? null : { kind: proxy.kind, host: proxy.host, port: proxy.port },
  };
}

function disabledOf(
  stored: StoredSettings | null,
  skipped: readonly { count: number }[],
): PortalConnection["disabled"] {
  if (stored === null || stored.disabled === null || stored.settings.sending) return null;
  const records = skipped.reduce((sum, { count }) => sum + count, 0);
  return { since: stored.disabled.since.toISOString(), records };
}

function scheduleOf({ schedule }: LineState): PortalConnection["schedule"] {
  if (schedule === null) return null;
  const { nextAt, lastRun } = schedule;
  return {
    everyMinutes: schedule.everyMinutes as Frequency,
    nextAt: nextAt?.toISOString() ?? null,
    lastRun:
      lastRun === null
        ? null
        : { ...lastRun, startedAt: lastRun.startedAt.toISOString(), endedAt: lastRun.endedAt?.toISOString() ?? null },
  };
}

function stateOf(facts: { registered: boolean; sending: boolean; line: LineState }): PortalConnection["state"] {
  if (!facts.registered) return "not-registered";
  if (!facts.sending) return "sending-disabled";
  // A line that has just begun has not been answered yet.
  return facts.line.state === "awaited" ? "not-answering" : facts.line.state;
}

import { createApiClient } from "@tms/contracts";
import { linkRenew, type TrustReport } from "@tms/contracts/link";
import { systemTimers } from "@tms/records";
import type { LogServerAddress } from "./batch-transport.ts";
import { createBatchTransport } from "./create-batch-transport.ts";
import { type Address, hostInUrl } from "./dial/address.ts";
import { type Dial, dialDirectly } from "./dial/dial.ts";
import type { Paces } from "./dial/paced-socket.ts";
import { createTrustUpkeep } from "./keep-trust.ts";
import { KeptIdentity } from "./kept-identity.ts";
import { Line, type LineParts } from "./line.ts";
import { errorOfApi, fetchOver } from "./link-http.ts";
import { LinkMemory } from "./link-memory.ts";
import { createLinkRequest } from "./link-request.ts";
import type { LowerKeys } from "./lower-keys.ts";
import { composeLowerLink, type LinkDeps, type LowerLink } from "./lower-link.ts";
import type { StoredIdentity } from "./register-lower.ts";
import { createRenewal } from "./renewal.ts";
import { createTlsAgent, dialTls } from "./tls-client.ts";
import { trustOf } from "./trust.ts";

export interface LowerLinkDeps extends LinkDeps {
  keys: LowerKeys;
  identity: StoredIdentity;
  statusServer: Address;
  /** null = nothing is sent up. */
  logServer: LogServerAddress | null;
  /** Default: directly. */
  dial?: Dial;
  /** What the upper party is trusted by: at the start, and whenever it changes. */
  onTrust?(trust: TrustReport): void;
  /** The clocks that `dial` counts by; downloads ask by them. */
  paces?: Paces;
}

const RENEW_TIMEOUT_MS = 30_000;

/** The lower end of a hop: heartbeats up, directives down, logs up, and typed requests. */
export function createLowerLink(deps: LowerLinkDeps): LowerLink {
  const memory = LinkMemory.open(deps.keys.directory);
  if (memory.wasDamaged) deps.log.warn({}, "the link's memory was damaged on disk; it begins anew");
  const baseUrl = `https://${hostInUrl(deps.statusServer.host)}:${deps.statusServer.port}`;
  const identity = new KeptIdentity(deps.identity, { directory: deps.keys.directory });
  const line = new Line(openLine(deps, deps.identity));
  const changeOver = (next: StoredIdentity) => line.changeOver(openLine(deps, next));
  deps.onTrust?.(trustOf(deps.identity));
  const client = createApiClient(
    { renew: linkRenew },
    { baseUrl, fetch: fetchOver(line.requests, { timeoutMs: RENEW_TIMEOUT_MS }) },
  );
  return composeLowerLink(deps, {
    memory,
    baseUrl,
    fetch: (options) => line.fetch(options),
    transport: line.transport,
    request: createLinkRequest(line.requests, {
      baseUrl,
      down: deps.paces?.down,
      keyChanges: () => line.changes,
    }),
    renewal: createRenewal({
      keys: deps.keys,
      identity,
      ask: (body) =>
        client.renew({ body }).catch((error: unknown) => {
          throw errorOfApi(error);
        }),
      changeOver,
      onFailure: (error) => deps.log.warn({ code: error.code, details: error.details }, "the renewal failed"),
      timers: systemTimers,
      random: deps.random ?? Math.random,
    }),
    trust: createTrustUpkeep({
      identity,
      prove: (caPem) => meetServers(deps, caPem),
      changeOver,
      onChange: (trust) => {
        deps.log.info({ caPins: trust.caPins, sshHostKeys: trust.sshHostKeys }, "the upper party is trusted by these");
        deps.onTrust?.(trust);
      },
      onFailure: (error) =>
        deps.log.warn({ code: error.code, details: error.details }, "a CA that is announced no longer is kept"),
      timers: systemTimers,
    }),
    timers: systemTimers,
    close: () => line.close(),
  });
}

/** Shakes hands with every TLS server that we speak to, trusting these CAs alone. */
async function meetServers(deps: LowerLinkDeps, caPem: string): Promise<void> {
  const { statusServer, logServer, dial = dialDirectly } = deps;
  for (const server of [statusServer, ...(logServer?.protocol === "ssl" ? [logServer] : [])]) {
    const socket = await dialTls({ host: server.host, port: server.port }, { caPem }, { dial });
    socket.destroy();
  }
}

/** Connections with the keys and the certificate that are in force. */
function openLine(deps: LowerLinkDeps, identity: StoredIdentity): LineParts {
  const trust = {
    caPem: identity.caPem,
    certificatePem: identity.certificatePem,
    privateKeyPem: deps.keys.tlsPrivatePem,
  };
  const dial = deps.dial ?? dialDirectly;
  const { keys, logServer } = deps;
  return {
    heartbeat: createTlsAgent(trust, { connections: 1, dial, urgent: true }),
    requests: createTlsAgent(trust, { dial }),
    transport: logServer === null ? null : createBatchTransport(logServer, { keys, identity, dial }),
  };
}

import { createApiClient } from "@tms/contracts";
import { linkRenew } from "@tms/contracts/link";
import { systemTimers } from "@tms/records";
import type { LogServerAddress } from "./batch-transport.ts";
import { createBatchTransport } from "./create-batch-transport.ts";
import { type Address, hostInUrl } from "./dial/address.ts";
import { type Dial, dialDirectly } from "./dial/dial.ts";
import type { Paces } from "./dial/paced-socket.ts";
import { Line, type LineParts } from "./line.ts";
import { errorOfApi, fetchOver } from "./link-http.ts";
import { LinkMemory } from "./link-memory.ts";
import { createLinkRequest } from "./link-request.ts";
import type { LowerKeys } from "./lower-keys.ts";
import { composeLowerLink, type LinkDeps, type LowerLink } from "./lower-link.ts";
import type { StoredIdentity } from "./register-lower.ts";
import { createRenewal } from "./renewal.ts";
import { createTlsAgent } from "./tls-client.ts";

export interface LowerLinkDeps extends LinkDeps {
  keys: LowerKeys;
  identity: StoredIdentity;
  statusServer: Address;
  /** null = nothing is sent up. */
  logServer: LogServerAddress | null;
  /** Default: directly. */
  dial?: Dial;
  /** The clocks that `dial` counts by; downloads ask by them. */
  paces?: Paces;
}

const RENEW_TIMEOUT_MS = 30_000;

/** The lower end of a hop: heartbeats up, directives down, logs up, and typed requests. */
export function createLowerLink(deps: LowerLinkDeps): LowerLink {
  const memory = LinkMemory.open(deps.keys.directory);
  const baseUrl = `https://${hostInUrl(deps.statusServer.host)}:${deps.statusServer.port}`;
  const line = new Line(openLine(deps, deps.identity));
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
      identity: deps.identity,
      ask: (body) =>
        client.renew({ body }).catch((error: unknown) => {
          throw errorOfApi(error);
        }),
      changeOver: (identity) => line.changeOver(openLine(deps, identity)),
      onFailure: (error) => deps.log.warn({ code: error.code, details: error.details }, "the renewal failed"),
      timers: systemTimers,
      random: deps.random ?? Math.random,
    }),
    timers: systemTimers,
    close: () => line.close(),
  });
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

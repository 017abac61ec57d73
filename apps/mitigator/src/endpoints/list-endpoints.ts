import type { Clock, EndpointId, EndpointState } from "@tms/records";
import { byNeed, type Endpoint, type EndpointStore, isConnected, stateOfEndpoint } from "./endpoint.ts";

export interface ListedEndpoint extends Endpoint {
  state: EndpointState;
  stateSince: Date | null;
  unresolvedThreats: number;
}

export interface Unresolved {
  endpoint: EndpointId;
  statusSince: Date;
}

/** Endpoints with the one state that a list shows, those that need somebody first. */
export function createListEndpoints(deps: {
  endpoints: EndpointStore;
  unresolvedThreats: () => Promise<readonly Unresolved[]>;
  silenceMs: number;
  version: string;
  clock: Clock;
}) {
  return async function listEndpoints(ask: {
    search?: string | undefined;
    state?: EndpointState | undefined;
  }): Promise<{ rows: ListedEndpoint[]; connected: number }> {
    const found =
      ask.search === undefined || ask.search === ""
        ? await deps.endpoints.all()
        : await deps.endpoints.search(ask.search);
    const unresolved = countByEndpoint(await deps.unresolvedThreats());
    const silence = { now: deps.clock.now(), silenceMs: deps.silenceMs, version: deps.version };
    const rows = found.map((endpoint) => {
      const threats = unresolved.get(endpoint.id) ?? { count: 0, since: null };
      const { state, since } = stateOfEndpoint(endpoint, threats, silence);
      return { ...endpoint, state, stateSince: since, unresolvedThreats: threats.count };
    });
    return {
      rows: rows.filter((row) => ask.state === undefined || row.state === ask.state).sort(byNeed),
      connected: found.filter((endpoint) => isConnected(endpoint, silence)).length,
    };
  };
}

function countByEndpoint(threats: readonly Unresolved[]): Map<EndpointId, { count: number; since: Date | null }> {
  const counts = new Map<EndpointId, { count: number; since: Date | null }>();
  for (const { endpoint, statusSince } of threats) {
    const known = counts.get(endpoint);
    const since =
      known?.since === undefined || known.since === null || known.since > statusSince ? statusSince : known.since;
    counts.set(endpoint, { count: (known?.count ?? 0) + 1, since });
  }
  return counts;
}

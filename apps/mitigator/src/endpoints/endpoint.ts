import type { EndpointId, EndpointState } from "@tms/records";

/** A machine as people see it. */
export interface Endpoint {
  id: EndpointId;
  host: string;
  address: string;
  agentVersion: string;
  ready: boolean;
  enrolledAt: Date;
  lastHeartbeatAt: Date | null;
  connectedSince: Date | null;
  patternRequests: number;
}

export interface EndpointSeen {
  host: string;
  address: string;
  agentVersion: string;
  ready: boolean;
}

export interface EndpointSilence {
  now: Date;
  /** Silence longer than this makes an endpoint disconnected. */
  silenceMs: number;
}

export interface EndpointStore {
  enrolled(id: EndpointId, facts: Omit<EndpointSeen, "ready">, at: Date): Promise<void>;
  seen(id: EndpointId, facts: EndpointSeen, silence: EndpointSilence): Promise<void>;
  countPatternRequest(id: EndpointId): Promise<void>;
  get(id: EndpointId): Promise<Endpoint | null>;
  all(): Promise<Endpoint[]>;
  search(part: string): Promise<Endpoint[]>;
}

/** An agent is disconnected after three missed heartbeats; the long poll itself may last one interval. */
export const MISSED_HEARTBEATS = 3;
const POLL_ALLOWANCE_MS = 10_000;

export function silenceMsOf(heartbeatSeconds: number): number {
  return heartbeatSeconds * MISSED_HEARTBEATS * 1000 + POLL_ALLOWANCE_MS;
}

export function isConnected(endpoint: Endpoint, silence: EndpointSilence): boolean {
  const last = endpoint.lastHeartbeatAt;
  return last !== null && silence.now.getTime() - last.getTime() <= silence.silenceMs;
}

/** The one state that a list shows, and since when; an unresolved threat outranks everything else. */
export function stateOfEndpoint(
  endpoint: Endpoint,
  unresolved: { count: number; since: Date | null },
  silence: EndpointSilence & { version: string },
): { state: EndpointState; since: Date | null } {
  if (unresolved.count > 0) return { state: "nonconforming", since: unresolved.since };
  if (endpoint.lastHeartbeatAt === null) return { state: "not-known", since: endpoint.enrolledAt };
  if (!isConnected(endpoint, silence)) return { state: "disconnected", since: endpoint.lastHeartbeatAt };
  if (isOlder(endpoint.agentVersion, silence.version)) {
    return { state: "outdated-agent", since: endpoint.connectedSince };
  }
  return { state: "connected", since: endpoint.connectedSince };
}

/** Compares dotted numbers; a version that is none is taken as old. */
export function isOlder(version: string, than: string): boolean {
  const one = version.split(".").map(Number);
  const other = than.split(".").map(Number);
  if (one.some(Number.isNaN)) return version !== than;
  for (let index = 0; index < other.length; index += 1) {
    const difference = (one[index] ?? 0) - (other[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

const NEED: readonly EndpointState[] = ["nonconforming", "outdated-agent", "not-known", "disconnected", "connected"];

/** Those that need somebody first, then by name. */
export function byNeed(one: { state: EndpointState; host: string }, other: { state: EndpointState; host: string }) {
  return NEED.indexOf(one.state) - NEED.indexOf(other.state) || one.host.localeCompare(other.host, "en");
}

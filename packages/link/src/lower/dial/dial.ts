import type { Address } from "./address.ts";
import { openTunnel, type Tunnel } from "./open-tunnel.ts";
import { PacedSocket, type Paces } from "./paced-socket.ts";
import type { ProxySettings } from "./proxy-settings.ts";

export interface DialOptions {
  signal?: AbortSignal | undefined;
  /** What goes here waits for nobody else's turn: heartbeats. */
  urgent?: boolean;
}

/** How a lower party reaches any server: directly or through its proxy, at its bandwidth. */
export type Dial = (to: Address, options?: DialOptions) => Promise<Tunnel>;

/** Makes the one way to the servers above; everything dialled by it shares proxy and bandwidth. */
export function createDial(line: { proxy?: ProxySettings | null; paces?: Paces } = {}): Dial {
  const { proxy = null, paces } = line;
  return async (to, options = {}) => {
    const tunnel = await openTunnel(to, { proxy, signal: options.signal });
    if (paces === undefined) return tunnel;
    return { ...tunnel, socket: new PacedSocket(tunnel.socket, { paces, urgent: options.urgent === true }) };
  };
}

/** Without a proxy and as fast as it goes. */
export const dialDirectly: Dial = createDial();

import type { Socket } from "node:net";
import type { Address } from "./address.ts";

export const PROXY_KINDS = ["http", "socks4", "socks5"] as const;
export type ProxyKind = (typeof PROXY_KINDS)[number];

/**
 * The proxy between a lower party and the servers above it.
 *
 * - `http`: CONNECT; log-on by Digest where the proxy offers it, else Basic.
 * - `socks4`: an address goes as SOCKS4, a name as SOCKS4a; the user name is sent, there is no password.
 * - `socks5`: RFC 1928, log-on by RFC 1929.
 *
 * A name is never looked up on this side: the proxy does it.
 */
export interface ProxySettings extends Address {
  kind: ProxyKind;
  userName?: string | undefined;
  password?: string | undefined;
}

/** What a way through a proxy needs; `dial` opens a new TCP connection to the proxy. */
export interface ProxyLine {
  to: Address;
  proxy: ProxySettings;
  signal: AbortSignal | undefined;
  dial(): Promise<Socket>;
}

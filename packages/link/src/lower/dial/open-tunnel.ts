import type { Duplex } from "node:stream";
import { AppError, assertNever } from "@tms/records";
import type { Address } from "./address.ts";
import { connectTcp } from "./connect-tcp.ts";
import { connectThroughHttpProxy } from "./http-proxy.ts";
import type { ProxyLine, ProxySettings } from "./proxy-settings.ts";
import { connectThroughSocksProxy } from "./socks-proxy.ts";

/** A raw way to a server, for TLS and SSH alike. Paused: whoever takes it attaches its readers, then resumes it. */
export interface Tunnel {
  socket: Duplex;
  /** Who is at the other end, for a person: the server's address, or the proxy that reached it. */
  peer: string;
  proxy: ProxySettings | null;
  /** Whether the server (not the proxy) has said anything yet. */
  heardServer(): boolean;
}

const PORTAL_CODES = {
  nameUnknown: "link.name_unknown",
  unreachable: "link.unreachable",
  timeout: "link.timeout",
} as const;
const PROXY_CODES = {
  nameUnknown: "proxy.name_unknown",
  unreachable: "proxy.unreachable",
  timeout: "proxy.timeout",
} as const;

/**
 * Dials the raw socket; the one place that does, so that a proxy has one place to enter.
 *
 * @throws {AppError} `link.name_unknown`, `link.unreachable`, `link.timeout`; through a proxy `proxy.*`, which never
 *   means that the server itself failed, but for `proxy.target_unknown` and `proxy.target_unreachable`.
 */
export async function openTunnel(
  to: Address,
  options: { signal?: AbortSignal | undefined; proxy?: ProxySettings | null } = {},
): Promise<Tunnel> {
  const { signal, proxy = null } = options;
  if (proxy === null) {
    const socket = await connectTcp(to, { codes: PORTAL_CODES, signal });
    const peer = `${socket.remoteAddress ?? to.host} port ${to.port}`;
    return { socket, peer, proxy, heardServer: () => socket.bytesRead > 0 };
  }
  const line = { to, proxy, signal, dial: () => connectTcp(proxy, { codes: PROXY_CODES, signal }) };
  const { socket, early } = await throughProxy(line);
  const proxyBytes = socket.bytesRead - early.length;
  if (early.length > 0) socket.unshift(early);
  return { socket, peer: `${to.host} port ${to.port}`, proxy, heardServer: () => socket.bytesRead > proxyBytes };
}

function throughProxy(line: ProxyLine) {
  const { kind } = line.proxy;
  switch (kind) {
    case "http":
      return connectThroughHttpProxy(line);
    case "socks4":
    case "socks5":
      return connectThroughSocksProxy(line);
    default:
      return assertNever(kind);
  }
}

/**
 * What a broken handshake through a proxy says: one that ended before the server said a word was ended by the proxy.
 */
export function blameProxy(tunnel: Tunnel, error: AppError): AppError {
  if (tunnel.proxy === null || tunnel.heardServer() || error.code !== "link.unreachable") return error;
  return new AppError("proxy.tunnel_closed", { ...error.details, proxy: tunnel.proxy.host }, { cause: error });
}

export interface Address {
  host: string;
  port: number;
}

/** `host:port` as it stands in a CONNECT request or a log line; an IPv6 address gets its brackets. */
export function authorityOf({ host, port }: Address): string {
  return `${hostInUrl(host)}:${port}`;
}

/** An IPv6 address stands in brackets inside a URL. */
export function hostInUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

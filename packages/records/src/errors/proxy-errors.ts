import type { ErrorRow } from "./error-row.ts";

/** What the proxy in front of the portal does wrong; told apart from the portal's own failures. */
export const PROXY_ERRORS = {
  "proxy.name_unknown": {
    status: 502,
    level: "warn",
    text: "The proxy's host name is not known. The portal was not reached.",
    cure: "Check the spelling of the proxy's name, or use its address. Open Proxy Settings.",
  },
  "proxy.unreachable": {
    status: 502,
    level: "warn",
    text: "The proxy does not answer. The portal was not reached.",
    cure: "Check the proxy's address and port, and that it runs. Open Proxy Settings.",
  },
  "proxy.timeout": {
    status: 504,
    level: "warn",
    text: "The proxy did not answer in time. The portal was not reached.",
    cure: "Check the line to the proxy, then try again.",
  },
  "proxy.protocol_wrong": {
    status: 502,
    level: "warn",
    text: "Something answers at the proxy's address, but it is no proxy of this kind.",
    cure: "Check the proxy's kind and port. Open Proxy Settings.",
  },
  "proxy.credentials_needed": {
    status: 502,
    level: "warn",
    text: "The proxy wants a user name and password.",
    cure: "Open Proxy Settings and enter them.",
  },
  "proxy.credentials_wrong": {
    status: 502,
    level: "warn",
    text: "The proxy does not know this user name and password. The portal was not reached.",
    cure: "Open Proxy Settings and enter them anew.",
  },
  "proxy.scheme_unknown": {
    status: 502,
    level: "warn",
    text: "The proxy wants a kind of log-on that this program does not speak.",
    cure: "Ask whoever runs the proxy for log-on by Basic or Digest, or by user name over SOCKS5.",
  },
  "proxy.refused_target": {
    status: 502,
    level: "warn",
    text: "The proxy allows no connection to this server and port. The portal was not reached.",
    cure: "Ask whoever runs the proxy to allow it, or let the portal listen on port 443, which most proxies allow.",
  },
  "proxy.refused": {
    status: 502,
    level: "warn",
    text: "The proxy refused the connection and gave no reason. The portal was not reached.",
    cure: "Look into the proxy's log: its rules, or the portal behind it. SOCKS5 and HTTP would say which.",
  },
  "proxy.address_unsupported": {
    status: 502,
    level: "warn",
    text: "This kind of proxy cannot reach such an address.",
    cure: "Use the portal's name or an IPv4 address, or a SOCKS5 or HTTP proxy.",
  },
  "proxy.target_unknown": {
    status: 502,
    level: "warn",
    text: "The proxy works, but does not know the server's host name.",
    cure: "Check the spelling of the server's name, and whether the proxy can look it up.",
  },
  "proxy.target_unreachable": {
    status: 502,
    level: "warn",
    text: "The proxy works, but could not reach the server.",
    cure: "Check the server's address and port, and that the proxy's network leads there.",
  },
  "proxy.password_again": {
    status: 422,
    level: "info",
    text: "The stored password belongs to the saved proxy and user name.",
    cure: "Type the password of this proxy.",
  },
  "proxy.portal_first": {
    status: 409,
    level: "info",
    text: "The test goes to the portal's servers, and their addresses are not saved yet.",
    cure: "Save the proxy, then test under Threat Management Services Portal: that test goes through it.",
  },
  "proxy.tunnel_closed": {
    status: 502,
    level: "warn",
    text: "The proxy opened the connection and closed it before the server said a word.",
    cure: "Ask whoever runs the proxy whether it inspects or limits such connections; check the server's port.",
  },
} as const satisfies Record<string, ErrorRow>;

import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { inspect } from "node:util";
import { AppError, type ErrorCode } from "@tms/records";
import { FakeProxy, type FakeProxyOptions } from "@tms/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { createDial } from "./dial.ts";
import { blameProxy, openTunnel } from "./open-tunnel.ts";
import { Pace } from "./pace.ts";
import type { ProxySettings } from "./proxy-settings.ts";

const LOG_ON = { userName: "mill office", password: 'p:ä"ss\\' };

const KINDS: { name: string; options: FakeProxyOptions }[] = [
  { name: "HTTP", options: { kind: "http" } },
  { name: "HTTP with Basic", options: { kind: "http", logOn: { ...LOG_ON, scheme: "basic" } } },
  { name: "HTTP with Digest (MD5)", options: { kind: "http", logOn: { ...LOG_ON, scheme: "digest-md5" } } },
  { name: "HTTP with Digest (SHA-256)", options: { kind: "http", logOn: { ...LOG_ON, scheme: "digest-sha256" } } },
  { name: "SOCKS4", options: { kind: "socks4" } },
  { name: "SOCKS4 with a user", options: { kind: "socks4", logOn: { userName: "mill", password: "" } } },
  { name: "SOCKS5", options: { kind: "socks5" } },
  { name: "SOCKS5 with a log-on", options: { kind: "socks5", logOn: LOG_ON } },
];

async function listen(greet: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    greet(socket);
  });
  onTestFinished(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function failureOf(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(AppError);
  return error as AppError;
}

describe.each(KINDS)("through $name", ({ options }) => {
  test("a server that speaks first is heard from its first byte, and hears us", async () => {
    const port = await listen((socket) => {
      socket.write("SSH-2.0-first");
      socket.once("data", (said) => socket.end(` you said ${said}`));
    });
    await using proxy = await FakeProxy.start(options);

    const { socket, heardServer } = await openTunnel({ host: "127.0.0.1", port }, { proxy: proxy.settings() });
    socket.write("hello");

    expect(await text(socket)).toBe("SSH-2.0-first you said hello");
    expect(heardServer()).toBe(true);
  });

  test("the proxy looks the name up, not we", async () => {
    const port = await listen((socket) => socket.end("reached"));
    await using proxy = await FakeProxy.start({ ...options, names: { "portal.only-the-proxy.test": "127.0.0.1" } });

    const to = { host: "portal.only-the-proxy.test", port };
    const { socket } = await openTunnel(to, { proxy: proxy.settings() });

    expect(await text(socket)).toBe("reached");
    expect(proxy.asked).toEqual([`${to.host}:${port}`]);
  });

  test("what the proxy refuses is told from what the server refuses", async () => {
    await using proxy = await FakeProxy.start(options);
    const port = await listen((socket) => socket.end());
    const closed = await listen(() => undefined);
    proxy.chaos = { forbids: true };

    const forbidden = await failureOf(openTunnel({ host: "127.0.0.1", port }, { proxy: proxy.settings() }));
    proxy.chaos = { leadsTo: 1 };
    const unreachable = await failureOf(openTunnel({ host: "127.0.0.1", port: closed }, { proxy: proxy.settings() }));

    // SOCKS4 has one answer for every refusal.
    const isSocks4 = options.kind === "socks4";
    expect(forbidden.code).toBe(isSocks4 ? "proxy.refused" : "proxy.refused_target");
    expect(unreachable.code).toBe(isSocks4 ? "proxy.refused" : "proxy.target_unreachable");
  });

  test("a proxy that opens the way and closes it is blamed, and not the server", async () => {
    await using proxy = await FakeProxy.start(options);
    proxy.chaos = { closesAtOnce: true };

    const tunnel = await openTunnel({ host: "127.0.0.1", port: 9 }, { proxy: proxy.settings() });
    await text(tunnel.socket);

    expect(blameProxy(tunnel, new AppError("link.unreachable")).code).toBe("proxy.tunnel_closed");
    expect(blameProxy(tunnel, new AppError("link.pin_mismatch")).code).toBe("link.pin_mismatch");
  });

  test("a silent proxy is left when the caller's time is over", async () => {
    await using proxy = await FakeProxy.start(options);
    proxy.chaos = { silent: true };
    const stop = new AbortController();

    const opening = openTunnel({ host: "127.0.0.1", port: 9 }, { proxy: proxy.settings(), signal: stop.signal });
    stop.abort();

    expect((await failureOf(opening)).code).toBe("proxy.timeout");
  });
});

const SECRET = "hunter2-planted-secret";

const FAULTS: { name: string; options: FakeProxyOptions; change?: Partial<ProxySettings>; code: ErrorCode }[] = [
  ...(["basic", "digest-md5", "digest-sha256"] as const).flatMap((scheme) => [
    {
      name: `a wrong password by ${scheme}`,
      options: { kind: "http" as const, logOn: { userName: "mill", password: SECRET, scheme } },
      change: { password: `${SECRET}-wrong` },
      code: "proxy.credentials_wrong" as const,
    },
    {
      name: `no log-on where ${scheme} is asked`,
      options: { kind: "http" as const, logOn: { userName: "mill", password: SECRET, scheme } },
      change: { userName: undefined, password: undefined },
      code: "proxy.credentials_needed" as const,
    },
  ]),
  {
    name: "a log-on that we do not speak",
    options: { kind: "http", logOn: { userName: "mill", password: SECRET, scheme: "negotiate" } },
    code: "proxy.scheme_unknown",
  },
  {
    name: "a wrong SOCKS5 password",
    options: { kind: "socks5", logOn: { userName: "mill", password: SECRET } },
    change: { password: `${SECRET}-wrong` },
    code: "proxy.credentials_wrong",
  },
  {
    name: "no log-on where SOCKS5 asks for one",
    options: { kind: "socks5", logOn: { userName: "mill", password: SECRET } },
    change: { userName: undefined, password: undefined },
    code: "proxy.credentials_needed",
  },
  {
    name: "another SOCKS4 user",
    options: { kind: "socks4", logOn: { userName: "mill", password: "" } },
    change: { userName: SECRET },
    code: "proxy.credentials_wrong",
  },
  {
    name: "an HTTP proxy taken for SOCKS5",
    options: { kind: "http" },
    change: { kind: "socks5" },
    code: "proxy.protocol_wrong",
  },
  {
    name: "an HTTP proxy taken for SOCKS4",
    options: { kind: "http" },
    change: { kind: "socks4" },
    code: "proxy.protocol_wrong",
  },
  {
    name: "a SOCKS5 proxy taken for HTTP",
    options: { kind: "socks5" },
    change: { kind: "http" },
    code: "proxy.protocol_wrong",
  },
  { name: "an unknown proxy name", options: { kind: "http" }, change: { host: "a..b" }, code: "proxy.name_unknown" },
  { name: "nothing at the proxy's port", options: { kind: "http" }, change: { port: 1 }, code: "proxy.unreachable" },
];

test.each(FAULTS)("$name: $code, and no secret in the error", async ({ options, change, code }) => {
  await using proxy = await FakeProxy.start(options);
  const settings: ProxySettings = { ...proxy.settings(), ...change };

  const error = await failureOf(openTunnel({ host: "127.0.0.1", port: 9 }, { proxy: settings }));

  expect(error.code).toBe(code);
  const all = inspect(error, { depth: 20, showHidden: true, getters: true }) + JSON.stringify(error.details);
  expect(all).toContain(settings.host);
  expect(all).not.toContain(SECRET);
  expect(all).not.toContain(Buffer.from(`mill:${SECRET}`).toString("base64").slice(0, 20));
});

test("an IPv6 address does not go through SOCKS4, and that is said before anything is dialled", async () => {
  const proxy: ProxySettings = { kind: "socks4", host: "127.0.0.1", port: 1 };

  const error = await failureOf(openTunnel({ host: "::1", port: 443 }, { proxy }));

  expect(error.code).toBe("proxy.address_unsupported");
});

const LIES: { name: string; answer: string; code: ErrorCode }[] = [
  { name: "an endless header", answer: `HTTP/1.1 200 OK\r\nx: ${"a".repeat(40_000)}`, code: "proxy.protocol_wrong" },
  { name: "no HTTP at all", answer: "220 mail.example ESMTP\r\n", code: "proxy.protocol_wrong" },
  { name: "a redirect", answer: "HTTP/1.1 302 Found\r\nlocation: /login\r\n\r\n", code: "proxy.protocol_wrong" },
  {
    name: "an endless challenge",
    answer: `HTTP/1.1 407 No\r\nproxy-authenticate: ${"Digest ".repeat(2000)}\r\n\r\n`,
    code: "proxy.scheme_unknown",
  },
  {
    name: "a Digest without a nonce",
    answer: "HTTP/1.1 407 No\r\nproxy-authenticate: Digest realm=x\r\n\r\n",
    code: "proxy.scheme_unknown",
  },
  {
    name: "a nonce that is always stale",
    answer: 'HTTP/1.1 407 No\r\nproxy-authenticate: Digest realm="x", nonce="y", stale=true\r\n\r\n',
    code: "proxy.credentials_wrong",
  },
];

test.each(LIES)("an HTTP proxy that answers with $name: $code", async ({ answer, code }) => {
  const port = await listen((socket) => socket.once("data", () => socket.end(answer)));
  const proxy: ProxySettings = { kind: "http", host: "127.0.0.1", port, ...LOG_ON };

  const error = await failureOf(openTunnel({ host: "127.0.0.1", port: 9 }, { proxy }));

  expect(error.code).toBe(code);
});

test("without a proxy a paced dial carries the same bytes", async () => {
  const port = await listen((socket) => socket.pipe(socket));
  const dial = createDial({ paces: { up: new Pace(), down: new Pace() } });

  const { socket } = await dial({ host: "127.0.0.1", port });
  socket.end("there and back");

  expect(await text(socket)).toBe("there and back");
});

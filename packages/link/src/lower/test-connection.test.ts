import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { ERRORS, type ErrorCode, type Sha256 } from "@tms/records";
import { ChaosProxy, FakePortal, FakeProxy, type FakeProxyOptions, type ProxyChaos } from "@tms/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ConnectionStep, Lane, StepReport } from "./connection-steps.ts";
import { type TestSettings, testConnection } from "./test-connection.ts";

function settings(portal: FakePortal, protocol: "ssl" | "ssh", change: Partial<TestSettings> = {}): TestSettings {
  return {
    statusServer: { host: portal.host, port: portal.ports.status },
    logServer: { host: portal.host, port: portal.ports[protocol], protocol },
    userName: portal.userName,
    password: portal.password,
    caPins: [portal.authority.spkiPin],
    sshHostKeys: [portal.sshHostKey.fingerprint],
    ...change,
  };
}

const BOTH = ["ssl", "ssh"] as const;

interface FaultWorld {
  portal: FakePortal;
  proxy: ChaosProxy;
  /** A server that says just this to whoever speaks to it, and ends. @returns its port */
  serve: (text: string) => Promise<number>;
}

function at(host: string, port: number): Partial<TestSettings> {
  return { logServer: { host, port } as TestSettings["logServer"] };
}

async function serveText(text: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    // To the first bytes, as a server of another protocol would; SSH clients speak first too.
    socket.once("data", () => socket.end(text));
  });
  onTestFinished(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const states = (steps: StepReport[]) => steps.map((one) => one.state).join(" ");
const failed = (steps: StepReport[]) => steps.find((one) => one.state === "failed");

describe.each(["ssl", "ssh"] as const)("over %s", (protocol) => {
  test("both lanes end in an application round trip and store nothing", async () => {
    await using portal = await FakePortal.start();
    const seen: Lane[] = [];

    const result = await testConnection(settings(portal, protocol), { onStep: (lane) => seen.push(lane) });

    expect(result.ok).toBe(true);
    expect(states(result.logServer)).toBe("ok not-needed ok ok ok ok ok");
    expect(states(result.statusServer)).toBe("ok not-needed ok ok ok ok ok");
    expect(new Set(seen)).toEqual(new Set(["logServer", "statusServer"]));
    expect(portal.products.size).toBe(0);
  });

  test("says who was accepted and what answered, not just that something did", async () => {
    await using portal = await FakePortal.start();

    const result = await testConnection(settings(portal, protocol));

    const facts = Object.fromEntries(result.logServer.map((one) => [one.step, one.fact]));
    expect(facts.handshake).toMatch(/^(Certificate authority [0-9a-f]{64}|Host key SHA256:.{43}), as pinned$/);
    expect(facts.credentials).toBe(`${portal.userName} accepted`);
    expect(facts.accepts).toBe("It answered as log server");
  });

  test("a wrong password fails at the credentials and nothing after it runs", async () => {
    await using portal = await FakePortal.start({ sshLimits: { refusalDelayMs: 1 } });

    const result = await testConnection(settings(portal, protocol, { password: "guess" }));

    expect(result.ok).toBe(false);
    for (const lane of [result.logServer, result.statusServer]) {
      expect(failed(lane)).toMatchObject({ step: "credentials", code: "link.credentials_wrong" });
      expect(lane.at(-1)?.state).toBe("not-run");
    }
  });

  test("a wrong pin fails at the handshake", async () => {
    await using portal = await FakePortal.start();
    const wrong = { caPins: ["0".repeat(64) as Sha256], sshHostKeys: [`SHA256:${"A".repeat(43)}`] };

    const result = await testConnection(settings(portal, protocol, wrong));

    for (const lane of [result.logServer, result.statusServer]) {
      expect(failed(lane)).toMatchObject({ step: "handshake", code: "link.pin_mismatch" });
    }
  });
});

test("one lane's failure does not hinder the other, and says what and what to do", async () => {
  await using portal = await FakePortal.start();
  await using proxy = await ChaosProxy.start({ host: portal.host, port: portal.ports.ssl });
  const { port } = proxy;
  await proxy.close();
  const logServer = { host: "127.0.0.1", port, protocol: "ssl" as const };

  const result = await testConnection(settings(portal, "ssl", { logServer }));

  expect(failed(result.logServer)).toMatchObject({ step: "tcp", code: "link.unreachable" });
  expect(failed(result.logServer)?.cure).not.toBe("");
  expect(states(result.statusServer)).toBe("ok not-needed ok ok ok ok ok");
});

/** What stands at the log server's address instead of it, or what happens on the way; by the step that meets it first. */
const FAULTS: {
  fault: string;
  protocol: "ssl" | "ssh";
  step: ConnectionStep;
  code: ErrorCode;
  at: (world: FaultWorld) => Promise<Partial<TestSettings>> | Partial<TestSettings>;
}[] = [
  { fault: "no such name", protocol: "ssl", step: "name-look-up", code: "link.name_unknown", at: () => at("a..b", 1) },
  { fault: "no such name", protocol: "ssh", step: "name-look-up", code: "link.name_unknown", at: () => at("a..b", 1) },
  ...BOTH.flatMap((protocol) => [
    {
      fault: "nobody listens",
      protocol,
      step: "tcp" as const,
      code: "link.unreachable" as const,
      at: async ({ proxy }: FaultWorld) => {
        await proxy.close();
        return at("127.0.0.1", proxy.port);
      },
    },
    {
      fault: "the line is cut before anything came",
      protocol,
      step: "handshake" as const,
      code: "link.unreachable" as const,
      at: ({ proxy }: FaultWorld) => {
        proxy.chaos = { cutAfterBytes: 0, reset: true };
        return at("127.0.0.1", proxy.port);
      },
    },
    {
      fault: "a server that speaks HTTP",
      protocol,
      step: "handshake" as const,
      code: "link.protocol_wrong" as const,
      at: async (world: FaultWorld) => at("127.0.0.1", await world.serve("HTTP/1.1 400 Bad Request\r\n\r\n")),
    },
    {
      fault: "a mail server",
      protocol,
      step: "handshake" as const,
      code: "link.protocol_wrong" as const,
      at: async (world: FaultWorld) => at("127.0.0.1", await world.serve("220 mail.example ESMTP\r\n")),
    },
    {
      fault: "another portal",
      protocol,
      step: "handshake" as const,
      code: "link.pin_mismatch" as const,
      at: () => ({ caPins: ["0".repeat(64) as Sha256], sshHostKeys: [`SHA256:${"A".repeat(43)}`] }),
    },
    {
      fault: "a wrong password",
      protocol,
      step: "credentials" as const,
      code: "link.credentials_wrong" as const,
      at: () => ({ password: "guess" }),
    },
  ]),
  {
    fault: "the log server's other port, over SSH",
    protocol: "ssl",
    step: "handshake",
    code: "link.protocol_wrong",
    at: ({ portal }) => at(portal.host, portal.ports.ssh),
  },
  {
    fault: "the log server's other port, over SSL",
    protocol: "ssh",
    step: "handshake",
    // It closes without a byte: nothing tells it from a server that fell.
    code: "link.unreachable",
    at: ({ portal }) => at(portal.host, portal.ports.ssl),
  },
  {
    fault: "the status server",
    protocol: "ssl",
    step: "accepts",
    code: "link.role_wrong",
    at: ({ portal }) => at(portal.host, portal.ports.status),
  },
];

test.each(FAULTS)(
  "over $protocol, $fault: $step fails first, with $code",
  async ({ protocol, step, code, at: fault }) => {
    await using portal = await FakePortal.start({ sshLimits: { refusalDelayMs: 1 } });
    await using proxy = await ChaosProxy.start({ host: portal.host, port: portal.ports[protocol] });
    const change = await fault({ portal, proxy, serve: serveText });
    const { logServer = {} } = change as { logServer?: object };
    const whole = { ...settings(portal, protocol), ...change };

    const result = await testConnection({
      ...whole,
      logServer: { ...settings(portal, protocol).logServer, ...logServer },
    });

    const lane = result.logServer;
    const place = lane.findIndex((one) => one.step === step);
    expect(failed(lane)).toMatchObject({ step, code, text: ERRORS[code].text, cure: ERRORS[code].cure });
    expect(lane.slice(0, place).every(({ state }) => state === "ok" || state === "not-needed")).toBe(true);
    expect(lane.slice(place + 1).every(({ state }) => state === "not-run")).toBe(true);
    expect(result.ok).toBe(false);
  },
);

test("the log server's address where the status server's belongs is noticed", async () => {
  await using portal = await FakePortal.start();
  const statusServer = { host: portal.host, port: portal.ports.ssl };

  const result = await testConnection(settings(portal, "ssl", { statusServer }));

  expect(failed(result.statusServer)).toMatchObject({ step: "accepts", code: "link.role_wrong" });
});

test("can be ended from outside", async () => {
  await using portal = await FakePortal.start();
  await using proxy = await ChaosProxy.start({ host: portal.host, port: portal.ports.ssl });
  proxy.chaos = { blackHole: true };
  const stop = new AbortController();
  const logServer = { host: "127.0.0.1", port: proxy.port, protocol: "ssl" as const };

  const result = await testConnection(settings(portal, "ssl", { logServer }), {
    signal: stop.signal,
    onStep: (lane, steps) => {
      if (lane === "logServer" && steps[3]?.state === "running") stop.abort();
    },
  });

  expect(failed(result.logServer)).toMatchObject({ step: "handshake", code: "link.timeout" });
});

const LOG_ON = { userName: "mill", password: "between us" };
const PROXIES: { name: string; options: FakeProxyOptions }[] = [
  { name: "an HTTP proxy", options: { kind: "http" } },
  { name: "an HTTP proxy with Basic", options: { kind: "http", logOn: { ...LOG_ON, scheme: "basic" } } },
  { name: "an HTTP proxy with Digest", options: { kind: "http", logOn: { ...LOG_ON, scheme: "digest-sha256" } } },
  { name: "a SOCKS4 proxy", options: { kind: "socks4" } },
  { name: "a SOCKS5 proxy", options: { kind: "socks5" } },
  { name: "a SOCKS5 proxy with a log-on", options: { kind: "socks5", logOn: LOG_ON } },
];

test.each(PROXIES.flatMap((proxy) => BOTH.map((protocol) => ({ ...proxy, protocol }))))(
  "through $name over $protocol both lanes end in a round trip, and the name is left to the proxy",
  async ({ options, protocol }) => {
    await using portal = await FakePortal.start();
    await using proxy = await FakeProxy.start({ ...options, names: { localhost: portal.host } });
    const byName = { host: "localhost" };
    const whole = settings(portal, protocol, { proxy: proxy.settings() });

    const result = await testConnection({
      ...whole,
      logServer: { ...whole.logServer, ...byName },
      statusServer: { ...whole.statusServer, ...byName },
    });

    expect(states(result.logServer)).toBe("not-needed ok ok ok ok ok ok");
    expect(states(result.statusServer)).toBe("not-needed ok ok ok ok ok ok");
    expect(result.logServer[0]?.fact).toBe("Left to the proxy.");
    expect(new Set(proxy.asked.map((target) => target.split(":")[0]))).toEqual(new Set(["localhost"]));
  },
);

/** A proxy that does not do what it should; by the first step that meets it. */
const PROXY_FAULTS: {
  fault: string;
  options: FakeProxyOptions;
  chaos?: (portal: FakePortal) => ProxyChaos;
  change?: Partial<TestSettings>;
  logServer?: Partial<TestSettings["logServer"]>;
  step: ConnectionStep;
  code: ErrorCode;
}[] = [
  {
    fault: "nothing at its port",
    options: { kind: "http" },
    change: { proxy: { kind: "http", host: "127.0.0.1", port: 1 } },
    step: "proxy",
    code: "proxy.unreachable",
  },
  {
    fault: "its name unknown",
    options: { kind: "http" },
    change: { proxy: { kind: "socks5", host: "a..b", port: 1 } },
    step: "proxy",
    code: "proxy.name_unknown",
  },
  {
    fault: "a log-on that was not entered",
    options: { kind: "http", logOn: { ...LOG_ON, scheme: "basic" } },
    change: { proxy: { kind: "http", host: "127.0.0.1", port: 0 } },
    step: "proxy",
    code: "proxy.credentials_needed",
  },
  {
    fault: "a wrong password",
    options: { kind: "socks5", logOn: LOG_ON },
    change: { proxy: { kind: "socks5", host: "127.0.0.1", port: 0, ...LOG_ON, password: "guess" } },
    step: "proxy",
    code: "proxy.credentials_wrong",
  },
  {
    fault: "a rule against this port",
    options: { kind: "http" },
    chaos: () => ({ forbids: true }),
    step: "tcp",
    code: "proxy.refused_target",
  },
  {
    fault: "no way to the server",
    options: { kind: "http" },
    chaos: () => ({ leadsTo: 1 }),
    step: "tcp",
    code: "proxy.target_unreachable",
  },
  {
    fault: "a server's name that it does not know",
    options: { kind: "http" },
    logServer: { host: "portal.example.test" },
    step: "tcp",
    code: "proxy.target_unknown",
  },
  {
    fault: "200 and then the end",
    options: { kind: "http" },
    chaos: () => ({ closesAtOnce: true }),
    step: "handshake",
    code: "proxy.tunnel_closed",
  },
  {
    fault: "certificates of its own",
    options: { kind: "socks5" },
    chaos: (inspector) => ({ leadsTo: inspector.ports.ssl }),
    step: "handshake",
    code: "link.pin_mismatch",
  },
];

test.each(PROXY_FAULTS)("a proxy with $fault: $step fails first, with $code", async (row) => {
  await using portal = await FakePortal.start();
  await using inspector = await FakePortal.start();
  await using proxy = await FakeProxy.start(row.options);
  proxy.chaos = row.chaos?.(inspector) ?? {};
  const whole = { ...settings(portal, "ssl", { proxy: proxy.settings() }), ...row.change };
  const { proxy: asked } = whole;

  const result = await testConnection({
    ...whole,
    logServer: { ...whole.logServer, ...row.logServer },
    // Port 0 in a row stands for the proxy of this test.
    proxy: asked?.port === 0 ? { ...asked, port: proxy.port } : (asked ?? null),
  });

  const lane = result.logServer;
  const place = lane.findIndex((one) => one.step === row.step);
  expect(failed(lane)).toMatchObject({ step: row.step, code: row.code, text: ERRORS[row.code].text });
  expect(lane.slice(0, place).every(({ state }) => state === "ok" || state === "not-needed")).toBe(true);
  expect(lane.slice(place + 1).every(({ state }) => state === "not-run")).toBe(true);
  if (row.code === "link.pin_mismatch") expect(failed(lane)?.fact).toMatch(/^It showed a certificate by /);
});

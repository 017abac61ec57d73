import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { ERRORS, type ErrorCode, type Sha256 } from "@tms/records";
import { ChaosProxy, FakePortal } from "@tms/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  type ConnectionStep,
  type Lane,
  type StepReport,
  type TestSettings,
  testConnection,
} from "./test-connection.ts";

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

import type { Sha256 } from "@tms/records";
import { ChaosProxy, FakePortal } from "@tms/testkit";
import { describe, expect, test } from "vitest";
import { type Lane, type StepReport, type TestSettings, testConnection } from "./test-connection.ts";

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

test("the log server's address where the status server's belongs is noticed", async () => {
  await using portal = await FakePortal.start();
  const statusServer = { host: portal.host, port: portal.ports.ssl };

  const result = await testConnection(settings(portal, "ssl", { statusServer }));

  expect(failed(result.statusServer)).toMatchObject({ step: "credentials", code: "link.refused" });
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

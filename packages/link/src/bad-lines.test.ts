import { type Chaos, ChaosProxy, FakeAgent, FakePortal, makeThreatEvent } from "@tms/testkit";
import { describe, expect, test } from "vitest";

// Whatever the line does between the two ends, each record arrives, once and in order.

const STREAM = "threat-events" as const;
const PROTOCOLS = ["ssl", "ssh"] as const;

async function open(protocol: "ssl" | "ssh") {
  const portal = await FakePortal.start({ sshLimits: { refusalDelayMs: 1 } });
  const log = await ChaosProxy.start({ host: portal.host, port: portal.ports[protocol] });
  const status = await ChaosProxy.start({ host: portal.host, port: portal.ports.status });
  const agent = await FakeAgent.create({
    portal,
    protocol,
    logPort: log.port,
    statusPort: status.port,
    spoolLimits: { sealRecords: 2 },
  });
  const { product } = agent.identity;
  return {
    portal,
    log,
    status,
    agent,
    spool: async (count: number) => {
      const records = Array.from({ length: count }, () => makeThreatEvent());
      for (const record of records) await agent.spool.append(STREAM, [record]);
      return records;
    },
    arrived: (count: number) => portal.until(async () => (await portal.records(product, STREAM)).length >= count),
    received: async () => (await portal.records(product, STREAM)).map(({ id }) => id),
    async [Symbol.asyncDispose]() {
      await agent.close();
      await Promise.all([log.close(), status.close()]);
      await portal.close();
    },
  };
}

const FAULTS: { name: string; chaos: Chaos }[] = [
  { name: "late and out of step", chaos: { latencyMs: 20, jitterMs: 60 } },
  { name: "thin", chaos: { bytesPerSecond: 40_000 } },
  ...[1, 300, 1_200, 2_500, 4_000].flatMap((cutAfterBytes) => [
    { name: `cut after ${cutAfterBytes} bytes upwards`, chaos: { cutAfterBytes } },
    { name: `reset after ${cutAfterBytes} bytes upwards`, chaos: { cutAfterBytes, reset: true } },
  ]),
  ...[1, 1_500, 2_600, 3_300].map((cutDownAfterBytes) => ({
    name: `cut after ${cutDownAfterBytes} bytes of answers`,
    chaos: { cutDownAfterBytes, reset: true },
  })),
  { name: "refusing", chaos: { refuse: true } },
  { name: "a black hole", chaos: { blackHole: true } },
];

describe.each(PROTOCOLS)("over %s", (protocol) => {
  test.each(FAULTS)("a log line that is $name for a while loses nothing and repeats nothing", async ({ chaos }) => {
    await using world = await open(protocol);
    world.log.chaos = chaos;
    const before = await world.spool(4);
    world.agent.start();
    const heals = "latencyMs" in chaos || "bytesPerSecond" in chaos;
    if (!heals) await met(world, 4);

    world.log.chaos = {};
    if (!heals) world.log.cutAll();
    const after = await world.spool(3);
    await world.arrived(7);

    expect(await world.received()).toEqual([...before, ...after].map(({ id }) => id));
  });

  test("a status line that comes and goes loses nothing and repeats nothing", async () => {
    await using world = await open(protocol);
    world.status.chaos = { cutDownAfterBytes: 2_000, reset: true };
    const records = await world.spool(3);
    world.agent.start();
    await expect.poll(() => world.status.connections, { timeout: 20_000 }).toBeGreaterThanOrEqual(4);

    world.status.chaos = {};
    world.status.cutAll();
    await world.arrived(3);

    expect(await world.received()).toEqual(records.map(({ id }) => id));
  });
});

/** What is wrong with the line was met: it was tried again and again, or what was to pass fitted before the cut. */
async function met(world: Awaited<ReturnType<typeof open>>, records: number): Promise<void> {
  const wasMet = async () =>
    world.log.connections >= 3 ||
    (world.log.chaos.blackHole === true && world.log.connections >= 1) ||
    (await world.received()).length >= records;
  await expect.poll(wasMet, { timeout: 20_000 }).toBe(true);
}

describe("in mid-stream", () => {
  test.each([
    ["ssl", "ssh"],
    ["ssh", "ssl"],
  ] as const)("a switch from %s to %s loses nothing and repeats nothing", async (from, to) => {
    await using portal = await FakePortal.start();
    const agent = await FakeAgent.create({ portal, protocol: from, spoolLimits: { sealRecords: 1 } });
    const { product } = agent.identity;
    const records = Array.from({ length: 9 }, () => makeThreatEvent());
    for (const record of records) await agent.spool.append(STREAM, [record]);
    agent.start();
    await portal.until(async () => (await portal.records(product, STREAM)).length >= 3);

    await agent.switchTo(to);
    await portal.until(async () => (await portal.records(product, STREAM)).length >= 9);

    expect((await portal.records(product, STREAM)).map(({ id }) => id)).toEqual(records.map(({ id }) => id));
    await agent.close();
  });
});

import { FakeAgent, FakePortal, makeThreatEvent } from "@tms/testkit";
import { describe, expect, test } from "vitest";

describe.each(["ssl", "ssh"] as const)("a hop over %s", (protocol) => {
  test("carries records up, acknowledged after they are stored", async () => {
    await using portal = await FakePortal.start();
    await using agent = await FakeAgent.create({ portal, protocol });
    const records = [makeThreatEvent(), makeThreatEvent(), makeThreatEvent()];
    agent.start();

    await agent.spool.append("threat-events", records);
    const { product } = agent.identity;
    await portal.until(() => portal.store.position(product, "threat-events")?.next === 3);
    // The last heartbeat is sent because the answer has arrived: only then is the spool empty.
    await portal.until(
      () => portal.heartbeats.at(-1)?.streams[0]?.sealedTo === 3 && agent.spool.report()[0]?.spooledRecords === 0,
    );

    expect(await portal.records(product, "threat-events")).toEqual(records);
    expect(portal.store.batches(product, "threat-events")[0]?.protocol).toBe(protocol);
    expect(agent.spool.report()[0]?.spooledRecords).toBe(0);
    expect(agent.link.state().phase).toBe("connected");
  });
});

import { tmpdir } from "node:os";
import { FakeAgent, FakePortal, makeThreatEvent, TestClock } from "@tms/testkit";
import { describe, expect, test } from "vitest";
import { createDiskAdmission, DEPOSITS, type DiskState } from "./disk-admission.ts";

function admissionAt(share: { free: number }) {
  const clock = new TestClock();
  const news: DiskState[] = [];
  const admission = createDiskAdmission({
    directory: "/",
    readFreeShare: async () => share.free,
    onChange: (state) => news.push(state),
    clock,
  });
  return { admission, news, later: () => clock.advance(6_000) };
}

describe("with little disk space left", () => {
  test.each([
    [0.5, []],
    [0.09, []],
    [0.049, ["forensics"]],
    [0.039, ["forensics", "root-cause"]],
    [0.029, ["forensics", "threat-events", "root-cause", "audit"]],
  ])("at a free share of %d these are refused: %j", async (free, refused) => {
    const { admission } = admissionAt({ free });

    const outcomes = await Promise.all(
      DEPOSITS.map((deposit) =>
        admission.admit(deposit).then(
          () => null,
          (error: { code: string; details: { retryAfterSeconds: number } }) => ({
            deposit,
            ...error.details,
            code: error.code,
          }),
        ),
      ),
    );

    const refusals = outcomes.flatMap((one) => (one === null ? [] : [one]));
    expect(new Set(refusals.map(({ deposit }) => deposit))).toEqual(new Set(refused));
    for (const refusal of refusals) expect(refusal).toMatchObject({ code: "store.disk_low", retryAfterSeconds: 60 });
  });

  test("somebody is told when it begins, when it gets worse, and when it is over, each once", async () => {
    const share = { free: 0.5 };
    const { admission, news, later } = admissionAt(share);

    for (const free of [0.5, 0.09, 0.08, 0.04, 0.04, 0.2]) {
      share.free = free;
      later();
      await admission.state();
    }

    expect(news.map(({ freeShare }) => freeShare)).toEqual([0.09, 0.04, 0.2]);
  });

  test("the disk itself is read if nothing else is said", async () => {
    const admission = createDiskAdmission({ directory: tmpdir(), clock: new TestClock() });

    const { freeShare } = await admission.state();

    expect(freeShare).toBeGreaterThan(0);
    expect(freeShare).toBeLessThanOrEqual(1);
  });
});

describe.each(["ssl", "ssh"] as const)("over %s", (protocol) => {
  test("heartbeats go on, what is refused waits, and all of it arrives once there is room", async () => {
    await using portal = await FakePortal.start();
    await using agent = await FakeAgent.create({ portal, protocol });
    const { product } = agent.identity;
    portal.disk.freeShare = 0.029;
    const records = [makeThreatEvent(), makeThreatEvent()];
    await agent.spool.append("threat-events", records);

    agent.start();
    await agent.until(({ lastError }) => lastError?.code === "store.disk_low");
    const before = portal.heartbeats.length;
    agent.link.tellNow();
    await portal.until(() => portal.heartbeats.length > before);
    const kept = (await portal.records(product, "threat-events")).length;
    portal.disk.freeShare = 1;
    agent.link.sendNow();
    await portal.until(async () => (await portal.records(product, "threat-events")).length === 2);

    expect(kept).toBe(0);
    expect(await portal.records(product, "threat-events")).toEqual(records);
  });

  test("records that come meanwhile do not shorten the pause that was asked for", async () => {
    await using portal = await FakePortal.start();
    await using agent = await FakeAgent.create({ portal, protocol });
    portal.disk.freeShare = 0.029;
    await agent.spool.append("threat-events", [makeThreatEvent()]);
    agent.start();
    await agent.until(({ lastError }) => lastError?.code === "store.disk_low");

    for (let count = 0; count < 3; count += 1) {
      await agent.spool.append("threat-events", [makeThreatEvent()]);
      const before = portal.heartbeats.length;
      agent.link.tellNow();
      await portal.until(() => portal.heartbeats.length > before);
    }

    expect(portal.disk.refused).toEqual(["threat-events"]);
  });
});

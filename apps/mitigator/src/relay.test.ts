import { randomUUID } from "node:crypto";
import { ApiError } from "@tms/contracts";
import type { MitigationStatus, ThreatEventRecord } from "@tms/records";
import { AppError, newId } from "@tms/records";
import { FakePortal, makeThreatEvent } from "@tms/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { enrolAgent, makeDatabase, readToken, register, startTestSite, until } from "#app/test-site.contract.ts";

describe("agents and their records", () => {
  async function open() {
    const portal = await FakePortal.start();
    const site = await startTestSite({ database: await makeDatabase() });
    await register(site, portal);
    const token = async (uses = 5) => (await site.api.makeEnrolmentToken({ body: { uses, validHours: 1 } })).token;
    onTestFinished(async () => {
      await site.remove();
      await portal.close();
    });
    return {
      portal,
      site,
      token,
    };
  }

  const product = (portal: FakePortal) => [...portal.products.keys()][0] ?? newId();
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => "no error",
      (error: unknown) => (error instanceof AppError || error instanceof ApiError ? error.code : String(error)),
    );
  const unresolved = (change: Partial<ThreatEventRecord> = {}): ThreatEventRecord => {
    const made = makeThreatEvent({ kind: "assessment", ...change });
    return { ...made, body: { ...made.body, status: "unresolved-threats-remain" satisfies MitigationStatus } };
  };

  test("an agent's record reaches log and portal once, with the endpoint of its key and the time of the relay", async () => {
    const world = await open();
    const agent = await enrolAgent(await world.token());
    const forged = unresolved({ endpoint: newId() });

    await agent.spool.append("threat-events", [forged]);
    await world.portal.until(
      async () => (await world.portal.records(product(world.portal), "threat-events")).length > 0,
    );
    const listed = await until(async () => {
      const page = await world.site.api.listEvents({ query: {} });
      return page.total > 0 ? page : null;
    });
    await agent.stop();

    const [arrived] = await world.portal.records(product(world.portal), "threat-events");
    expect(arrived).toMatchObject({ id: forged.id, endpoint: agent.endpoint, body: forged.body });
    expect(arrived?.relay?.receivedAt).toMatch(/^2/);
    expect(listed.rows[0]).toMatchObject({ shortId: "E-1", endpoint: agent.endpoint, occurredAt: forged.occurredAt });
    expect(await world.site.api.home({})).toMatchObject({
      unresolvedSubmitCase: 1,
      endpoints: { total: 1, connected: 1, nonconforming: 1 },
    });
  });

  test("a malformed record is kept aside, stops nothing, and goes up as a loss of one", async () => {
    const world = await open();
    const agent = await enrolAgent(await world.token());
    const [before, after] = [unresolved(), unresolved()];
    const broken = { ...unresolved(), kind: "nonsense" } as unknown as ThreatEventRecord;

    await agent.spool.append("threat-events", [before, broken, after]);
    await until(async () => (await world.site.api.listEvents({ query: {} })).total === 2);
    await world.portal.until(
      async () => (await world.portal.records(product(world.portal), "threat-events")).length === 2,
    );
    await agent.stop();

    const batches = world.portal.store.batches(product(world.portal), "threat-events");
    expect(batches.map(({ header }) => ("gap" in header ? header.gap.cause : "records"))).toEqual([
      "records",
      "lower-gap",
      "records",
    ]);
  });

  test("a name that holds NUL and half a surrogate pair is shown and stops nothing", async () => {
    const world = await open();
    const agent = await enrolAgent(await world.token());
    const hostile = unresolved();
    hostile.body.threat = { ...hostile.body.threat, name: "a\u0000b\ud800c{{x}}\u202e" };

    await agent.spool.append("threat-events", [hostile]);
    const listed = await until(async () => {
      const page = await world.site.api.listEvents({ query: {} });
      return page.total > 0 ? page : null;
    });
    await agent.stop();

    expect(listed.rows[0]?.threatName).toBe("a\ufffdb\ufffdc{{x}}\u202e");
  });

  test("tokens that are unknown, wrong, used up or expired are refused, each with its code", async () => {
    const world = await open();
    const once = await world.token(1);
    const used = await enrolAgent(once);
    const facts = readToken(once);
    const tampered = (change: object) =>
      `tms1.${Buffer.from(JSON.stringify({ ...facts, ...change })).toString("base64url")}`;

    const codes = {
      usedUp: await codeOf(enrolAgent(once)),
      wrongSecret: await codeOf(enrolAgent(tampered({ secret: "x".repeat(43) }))),
      unknown: await codeOf(enrolAgent(tampered({ id: randomUUID() }))),
      noUuid: await codeOf(enrolAgent(tampered({ id: "' or 1=1" }))),
    };
    await used.stop();

    expect(codes).toEqual({
      usedUp: "link.token_used_up",
      wrongSecret: "link.token_unknown",
      unknown: "link.token_unknown",
      noUuid: "link.token_unknown",
    });
    expect((await world.site.api.listEndpoints({ query: {} })).total).toBe(1);
  });

  test("an agent cannot enrol as another one's endpoint; with its own keys it stays the same endpoint", async () => {
    const world = await open();
    const victim = await enrolAgent(await world.token());
    await victim.stop();

    const taken = await codeOf(enrolAgent(await world.token(), { endpoint: victim.endpoint }));
    const again = await enrolAgent(await world.token(), {
      endpoint: victim.endpoint,
      directory: victim.keys.directory.replace(/\/keys$/, ""),
    });
    await again.stop();

    expect(taken).toBe("link.endpoint_taken");
    expect(again.endpoint).toBe(victim.endpoint);
    expect((await world.site.api.listEndpoints({ query: {} })).total).toBe(1);
  });
});

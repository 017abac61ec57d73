import { sealBatch } from "@tms/link";
import { type CaseId, type Epoch, newId, type PackageId, type ThreatEventRecord } from "@tms/records";
import { positionText, sha256Of, signBytes } from "@tms/signing";
import { FakePortal, makeThreatEvent, type TestDatabase } from "@tms/testkit";
import { sql } from "kysely";
import { expect, onTestFinished, test } from "vitest";
import type { MitigatorTables } from "./app.ts";
import { callLink, type LinkCall } from "./link-call.contract.ts";
import {
  enrolAgent,
  makeDatabase,
  readToken,
  register,
  startTestSite,
  type TestAgent,
  until,
} from "./test-site.contract.ts";

// Two agents of one site: what one of them has, the other's identity does not reach, and the own one does.

interface World {
  site: Awaited<ReturnType<typeof startTestSite>>;
  database: TestDatabase<MitigatorTables>;
  call: ReturnType<typeof callerOf>;
  enrol(options?: Parameters<typeof enrolAgent>[1]): Promise<TestAgent>;
}

async function open(): Promise<World> {
  const portal = await FakePortal.start();
  const database = await makeDatabase();
  const site = await startTestSite({ database });
  await register(site, portal);
  const { token } = await site.api.makeEnrolmentToken({ body: { uses: 9, validHours: 1 } });
  const agents: TestAgent[] = [];
  onTestFinished(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await site.remove();
    await portal.close();
  });
  const enrol = async (options: Parameters<typeof enrolAgent>[1] = {}) => {
    const agent = await enrolAgent(token, options);
    agents.push(agent);
    return agent;
  };
  return { site, database, enrol, call: callerOf(readToken(token).addresses[0]?.port ?? 0) };
}

const callerOf = (port: number) => (as: TestAgent, sent: LinkCall) => callLink(port, as, sent);

let counter = 1_000_000;

function heartbeat(world: World, as: TestAgent, change: object = {}) {
  counter += 1;
  const body = {
    v: "link/1",
    start: crypto.randomUUID(),
    earlierStarts: [],
    counter,
    version: "1.0.0",
    host: "host-2",
    instanceId: crypto.randomUUID(),
    localTime: new Date().toISOString(),
    ready: { ok: true, reasons: [] },
    sending: "on",
    streams: [],
    outcomes: [],
    waitSeconds: 0,
    ...change,
  };
  const headers = { "content-type": "application/json" };
  return world.call(as, { method: "POST", path: "/link/v1/heartbeat", headers, body: JSON.stringify(body) });
}

async function openCase(world: World, agent: TestAgent) {
  const made = makeThreatEvent({ kind: "assessment" });
  const event: ThreatEventRecord = { ...made, body: { ...made.body, status: "unresolved-threats-remain" } };
  await agent.spool.append("threat-events", [event]);
  await until(async () => (await world.site.api.listEvents({ query: { threat: event.body.threatId } })).total > 0);
  await world.site.api.submitCase({ body: { event: event.id, note: "" } });
  return until(async () => agent.directives.find(({ kind }) => kind === "collect"));
}

test("an agent cannot answer another one's order: its own answer is the one that counts", async () => {
  const world = await open();
  const held = Promise.withResolvers<void>();
  const agent = await world.enrol({
    onDirective: async ({ id, kind }) => {
      if (kind === "collect") await held.promise;
      return { id, ok: kind !== "collect", code: "test.said_by_its_own_agent" };
    },
  });
  const liar = await world.enrol({ host: "host-2" });
  const order = await openCase(world, agent);

  const lie = await heartbeat(world, liar, { outcomes: [{ id: order.id, ok: false, code: "test.said_by_another" }] });
  held.resolve();
  const row = await until(async () => {
    const { rows } = await sql<{ code: string | null }>`select code from agents_directives
      where id = ${order.id} and outcome_at is not null`.execute(world.database.databases.app);
    return rows[0];
  });

  expect(lie.status).toBe(200);
  expect(JSON.parse(lie.body).directives.map((one: { id: string }) => one.id)).not.toContain(order.id);
  expect(row.code).toBe("test.said_by_its_own_agent");
});

test("an agent cannot deliver into another one's stream, nor sign a position for it", async () => {
  const world = await open();
  const agent = await world.enrol();
  const thief = await world.enrol({ host: "host-2" });
  await agent.link.stop();
  const said = { stream: "threat-events" as const, epoch: newId<Epoch>(), sealedTo: 0, head: null };
  const report = (by: TestAgent) => {
    const text = positionText({ product: by.identity.product, ...said });
    const signature = signBytes(by.keys.signingPrivatePem, Buffer.from(text)).toString("base64");
    return { streams: [{ ...said, spooledBytes: 0, oldestAt: null, signature }] };
  };
  const place = { stream: said.stream, epoch: said.epoch, first: 0, previous: null };
  const batch = sealBatch(place, [JSON.stringify(makeThreatEvent())]);
  const digest = `sha-256=:${Buffer.from(batch.digest, "hex").toString("base64")}:`;
  const post = (as: TestAgent) =>
    world.call(as, {
      method: "POST",
      path: "/link/v1/logs/threat-events",
      headers: { "content-type": "application/vnd.tms.batch", "repr-digest": digest },
      body: batch.bytes,
    });

  const forged = await heartbeat(world, agent, report(thief));
  const own = await heartbeat(world, agent, report(agent));
  const stolen = await post(thief);
  const mine = await post(agent);

  expect(JSON.parse(forged.body)).toMatchObject({ code: "link.signature_invalid" });
  expect(own.status).toBe(200);
  expect(JSON.parse(stolen.body)).toMatchObject({ outcome: "epoch-unknown", code: "batch.epoch_unknown" });
  expect(JSON.parse(mine.body)).toMatchObject({ outcome: "accepted" });
});

test("an upload and a registration are the own ones: another agent neither sees nor ends them", async () => {
  const world = await open();
  const agent = await world.enrol({ onDirective: () => Promise.withResolvers<never>().promise });
  const other = await world.enrol({ host: "host-2" });
  const order = await openCase(world, agent);
  const asked = order.payload as { case: CaseId; package: PackageId };
  const sha256 = sha256Of(Buffer.from("x"));
  const meta = { ...asked, endpoint: agent.endpoint, sha256, recipients: "age1one" };
  const encoded = (["case", "package", "endpoint", "sha256", "recipients"] as const)
    .map((key) => `${key} ${Buffer.from(meta[key]).toString("base64")}`)
    .join(",");
  const tus = (as: TestAgent, method: string, path: string, headers: Record<string, string> = {}) =>
    world.call(as, { method, path, headers: { "tus-resumable": "1.0.0", ...headers } });

  const made = await tus(agent, "POST", "/link/v1/forensics", { "upload-length": "1", "upload-metadata": encoded });
  const at = new URL(String(made.headers.location), "https://site").pathname;
  const foreign = [await tus(other, "HEAD", at), await tus(other, "DELETE", at)];
  const own = await tus(agent, "HEAD", at);
  const left = await world.call(other, {
    method: "POST",
    path: "/link/v1/unregister",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ v: "link/1", endpoint: agent.endpoint }),
  });
  const after = [await heartbeat(world, other), await heartbeat(world, agent)];

  expect(made.status).toBe(201);
  expect(foreign.map((one) => one.status)).toEqual([404, 404]);
  expect(own.status).toBe(200);
  expect(left.status).toBe(200);
  expect(after.map((one) => one.status)).toEqual([403, 200]);
});

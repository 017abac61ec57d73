import { type BatchPlace, batchName, sealBatch } from "@tms/link";
import { type Epoch, newId } from "@tms/records";
import { positionText, signBytes } from "@tms/signing";
import { type FakeAgent, makeThreatEvent } from "@tms/testkit";
import { Client } from "pg";
import ssh2, { type SFTPWrapper } from "ssh2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callLink } from "./link-call.contract.ts";
import { type Api, type CustomerForTest, eventually, PortalUnderTest } from "./portal-under-test.contract.ts";

// Limits at the whole portal: what is over one waits at the sender and arrives later, and nobody else notices.

let portal: PortalUnderTest;
let administrator: Api;
let neighbour: CustomerForTest;

beforeAll(async () => {
  portal = await PortalUnderTest.start();
  administrator = portal.api(await portal.setUp());
  neighbour = await portal.addCustomer(administrator, "Neighbour");
});
afterAll(() => portal.close());

type OwnLimits = NonNullable<Parameters<Api["changeCustomer"]>[0]["body"]["limits"]>;

async function limited(limits: OwnLimits): Promise<CustomerForTest> {
  const customer = await portal.addCustomer(administrator, `Limited ${newId<string>()}`);
  await administrator.changeCustomer({ params: { id: customer.id }, body: { limits } });
  return customer;
}

async function inDatabase(text: string, values: unknown[]): Promise<void> {
  const owner = new Client({ connectionString: portal.databaseUrl });
  await owner.connect();
  try {
    await owner.query("alter table limits_usage no force row level security");
    await owner.query(text, values);
    await owner.query("alter table limits_usage force row level security");
  } finally {
    await owner.end();
  }
}

/** For the portal, midnight has passed. */
const nextDay = (agent: FakeAgent) =>
  inDatabase("update limits_usage set day = day - 1 where product = $1", [agent.identity.product]);

/** As if so much had been sent before, by way of any node. */
const sentToday = (agent: FakeAgent, { customer, bytes }: { customer: CustomerForTest; bytes: number }) =>
  inDatabase("insert into limits_usage values ($1, $2, (now() at time zone 'utc')::date, $3)", [
    customer.id,
    agent.identity.product,
    bytes,
  ]);

const recordsOf = async (agent: FakeAgent) =>
  (await administrator.getProduct({ params: { id: agent.identity.product } })).records;

let counter = 0;
function heartbeat(as: FakeAgent, epoch: Epoch) {
  const said = { stream: "threat-events" as const, epoch, sealedTo: 0, head: null };
  const text = positionText({ product: as.identity.product, ...said });
  const signature = signBytes(as.keys.signingPrivatePem, Buffer.from(text)).toString("base64");
  counter += 1;
  const body = {
    v: "link/1",
    start: "11111111-1111-4111-8111-111111111111",
    earlierStarts: [],
    counter,
    version: "1.0.0",
    host: "host-1",
    instanceId: as.instanceId,
    localTime: "2026-11-24T09:00:00Z",
    ready: { ok: true, reasons: [] },
    sending: "on",
    streams: [{ ...said, spooledBytes: 0, oldestAt: null, signature }],
    outcomes: [],
    waitSeconds: 0,
  };
  const headers = { "content-type": "application/json" };
  return callLink(portal, as, { method: "POST", path: "/link/v1/heartbeat", headers, body: JSON.stringify(body) });
}

describe.each(["ssl", "ssh"] as const)("over %s", (protocol) => {
  test("over its bytes of a day a sender waits and says so, and all of it arrives the next day", async () => {
    const customer = await limited({ bytesPerDay: 1_000_000 });
    await using agent = await portal.product(administrator, customer, protocol);
    await using other = await portal.product(administrator, neighbour, protocol);
    await sentToday(agent, { customer, bytes: 1_000_000 });
    agent.start();
    other.start();

    for (let count = 0; count < 3; count += 1) {
      await agent.spool.append("threat-events", [makeThreatEvent()]);
      await other.spool.append("threat-events", [makeThreatEvent()]);
    }
    await agent.until(({ lastError }) => lastError?.code === "limit.bytes_per_day");
    const meanwhile = await eventually(
      () => recordsOf(other),
      ({ received }) => received === 3,
    );
    const held = await recordsOf(agent);
    await nextDay(agent);
    agent.link.sendNow();
    const after = await eventually(
      () => recordsOf(agent),
      ({ received }) => received === 3,
    );

    expect(held).toMatchObject({ received: 0, lost: 0 });
    expect(agent.link.state().lastError?.cure).toContain("Nothing is lost");
    expect(meanwhile).toMatchObject({ received: 3, lost: 0 });
    expect(other.states.some(({ lastError }) => lastError !== null)).toBe(false);
    expect(after).toMatchObject({ received: 3, lost: 0 });
  });
});

test("a limit raised by an operator is in force with the next try, and stands in the audit log", async () => {
  const customer = await limited({ bytesPerDay: 1 });
  await using agent = await portal.product(administrator, customer);
  agent.start();
  await agent.spool.append("threat-events", [makeThreatEvent()]);
  await eventually(
    () => recordsOf(agent),
    ({ received }) => received === 1,
  );
  await agent.spool.append("threat-events", [makeThreatEvent()]);
  await agent.until(({ lastError }) => lastError?.code === "limit.bytes_per_day");

  const params = { id: customer.id };
  const row = await administrator.changeCustomer({ params, body: { limits: {} } });
  agent.link.sendNow();
  await eventually(
    () => recordsOf(agent),
    ({ received }) => received === 2,
  );

  expect(row.limits).toEqual({});
  const audited = (await administrator.portalAudit({ query: {} })).rows.filter((one) => one.subject === customer.id);
  expect(audited.map(({ action, detail }) => [action, detail])).toContainEqual([
    "customer.changed",
    { limits: { bytesPerDay: 1 } },
  ]);
});

test("with sftp the rename fails, and the last answer says why and when to come again", async () => {
  const customer = await limited({ bytesPerDay: 1 });
  await using agent = await portal.product(administrator, customer);
  const epoch = newId<Epoch>();
  await heartbeat(agent, epoch);
  const first = batchOf(epoch, { first: 0, previous: null });
  const second = batchOf(epoch, { first: 1, previous: first.digest });

  const one = await putOverSftp(agent, first);
  const refused = await putOverSftp(agent, second);
  await nextDay(agent);
  const again = await putOverSftp(agent, second);

  expect([one.rename, refused.rename, again.rename]).toEqual(["OK", "Failure", "OK"]);
  expect(refused.lastAnswer).toMatchObject({
    name: batchName(second.header, second.digest),
    answer: null,
    problem: { code: "limit.bytes_per_day", status: 429, retryAfter: expect.any(Number) },
  });
  expect(again.lastAnswer).toMatchObject({ answer: { outcome: "accepted" } });
});

test("who asks too often gets 429 with a time, on both servers, and another product is served each time", async () => {
  const customer = await limited({ requestsPerSecond: 1 });
  await using hasty = await portal.product(administrator, customer);
  await using other = await portal.product(administrator, neighbour);
  const list = (as: FakeAgent) => callLink(portal, as, { method: "GET", path: "/link/v1/cases" });

  const answers = await Promise.all(Array.from({ length: 20 }, () => list(hasty)));
  const beside = await Promise.all(Array.from({ length: 20 }, () => list(other)));
  const logs = await Promise.all(
    Array.from({ length: 5 }, () =>
      callLink(portal, hasty, { to: "ssl", method: "POST", path: "/link/v1/logs/audit", body: "x" }),
    ),
  );

  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThanOrEqual(15);
  for (const { code, headers, body } of refused) {
    expect([code, headers["retry-after"]]).toEqual(["limit.requests_per_second", "1"]);
    expect(JSON.parse(body.toString())).toMatchObject({ retryAfter: 1 });
  }
  expect(beside.map(({ status }) => status)).toEqual(beside.map(() => 200));
  expect(logs.map(({ code }) => code)).toContain("limit.requests_per_second");
});

test("a package over the customer's size is told when to offer it again, and is not begun", async () => {
  const customer = await limited({ packageBytes: 1000 });
  await using agent = await portal.product(administrator, customer);
  const metadata = {
    case: newId<string>(),
    package: newId<string>(),
    endpoint: newId<string>(),
    recipients: "age1a,age1b",
  };
  const told = Object.entries({ ...metadata, sha256: "0".repeat(64) });

  const answer = await callLink(portal, agent, {
    method: "POST",
    path: "/link/v1/forensics",
    headers: {
      "tus-resumable": "1.0.0",
      "upload-length": "1001",
      "upload-metadata": told.map(([key, value]) => `${key} ${Buffer.from(value).toString("base64")}`).join(","),
    },
  });

  expect([answer.status, answer.code]).toEqual([429, "limit.package_size"]);
  expect(JSON.parse(answer.body.toString())).toMatchObject({ retryAfter: 3600 });
});

test("a heartbeat's answer tells the limits in force and what was sent today", async () => {
  const customer = await limited({ bytesPerDay: 5_000_000 });
  await using agent = await portal.product(administrator, customer);
  const epoch = newId<Epoch>();
  await heartbeat(agent, epoch);
  const batch = batchOf(epoch, { first: 0, previous: null });
  await putOverSftp(agent, batch);

  const answer = JSON.parse((await heartbeat(agent, epoch)).body.toString());

  expect(answer.limits).toMatchObject({ bytesPerDay: 5_000_000, sentToday: batch.bytes.length, batchRecords: 10_000 });
});

test("an expert may not change limits, and a limit of nothing is refused", async () => {
  const customer = await limited({});
  const params = { id: customer.id };
  const expert = portal.api({ cookie: (await portal.expert(administrator, "expert.limits")).cookie });

  await expect(expert.changeCustomer({ params, body: { limits: {} } })).rejects.toMatchObject({
    code: "session.forbidden",
  });
  await expect(administrator.changeCustomer({ params, body: { limits: { bytesPerDay: 0 } } })).rejects.toMatchObject({
    code: "request.malformed",
  });
});

function batchOf(epoch: Epoch, place: Pick<BatchPlace, "first" | "previous">) {
  return sealBatch({ stream: "threat-events", epoch, ...place }, [JSON.stringify(makeThreatEvent())]);
}

/** What a client of any make sees: the status of the rename, and then the file with the last answer. */
function putOverSftp(
  as: FakeAgent,
  batch: ReturnType<typeof batchOf>,
): Promise<{ rename: string; lastAnswer: Record<string, unknown> }> {
  const client = new ssh2.Client();
  const name = batchName(batch.header, batch.digest);
  return new Promise((resolve, reject) => {
    client.on("error", reject);
    client.on("ready", () =>
      client.sftp((failed, sftp: SFTPWrapper) => {
        if (failed) return reject(failed);
        sftp.writeFile("/in/a.part", batch.bytes, () =>
          sftp.rename("/in/a.part", `/in/${name}`, (error) =>
            sftp.readFile("/out/position.json", (_, bytes) => {
              client.end();
              resolve({ rename: error ? error.message : "OK", lastAnswer: JSON.parse(bytes.toString("utf8")) });
            }),
          ),
        );
      }),
    );
    client.connect({
      host: "127.0.0.1",
      port: portal.ready.logServer?.ssh.port ?? 0,
      username: as.identity.product,
      privateKey: as.keys.sshPrivateKey,
    });
  });
}

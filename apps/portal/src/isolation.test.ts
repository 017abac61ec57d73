import { portalRoutes } from "@tms/contracts/portal";
import { type BatchPlace, batchName, sealBatch } from "@tms/link";
import { type CaseId, type EndpointId, type Epoch, newId, type PackageId, type ThreatId } from "@tms/records";
import { positionText, sha256Of, signBytes } from "@tms/signing";
import { type FakeAgent, makeThreatEvent } from "@tms/testkit";
import { Client } from "pg";
import ssh2, { type SFTPWrapper } from "ssh2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callLink, codeIn, type LinkAnswer, type LinkRequest } from "./link-call.contract.ts";
import { type Api, type CustomerForTest, eventually, PortalUnderTest } from "./portal-under-test.contract.ts";

// Two customers with one registered product each: whatever one has, the other's identity does not reach, and the own
// one does. Without the second half a portal that answers nobody would pass.

interface Side {
  customer: CustomerForTest;
  product: FakeAgent;
  endpoint: EndpointId;
  openCase: CaseId;
  epoch: Epoch;
}

let portal: PortalUnderTest;
let administrator: Api;
let expert: Api;
let own: Side;
let other: Side;

beforeAll(async () => {
  portal = await PortalUnderTest.start();
  administrator = portal.api(await portal.setUp());
  expert = portal.api({ cookie: (await portal.expert(administrator, "heron")).cookie });
  own = await sideOf("Own");
  other = await sideOf("Other");
});
afterAll(async () => {
  await Promise.all([own.product.close(), other.product.close()]);
  await portal.close();
});

async function sideOf(name: string): Promise<Side> {
  const customer = await portal.addCustomer(administrator, name);
  const product = await portal.product(administrator, customer);
  const endpoint = newId<EndpointId>();
  const openCase = newId<CaseId>();
  await product.link.request.putCase(openCase, caseBody(endpoint));
  const epoch = newId<Epoch>();
  const side = { customer, product, endpoint, openCase, epoch };
  const beat = await heartbeat(side, { signer: product });
  if (beat.status !== 200) throw new Error(beat.body.toString("utf8"));
  return side;
}

function caseBody(endpoint: EndpointId) {
  return {
    endpoint,
    host: "ws-1",
    threats: [newId<ThreatId>()],
    events: [],
    note: "please look",
    openedBy: "operator",
    openedAt: "2026-11-24T09:00:00Z",
    state: "submitted" as const,
  };
}

const call = (as: FakeAgent | null, sent: LinkRequest) => callLink(portal, as, sent);

function json(as: FakeAgent | null, method: string, path: string, body: object): Promise<LinkAnswer> {
  return call(as, { method, path, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

let counter = 0;

/** A heartbeat over `side`'s connection about `side`'s epoch, its position signed by `signer` for `signer`'s product. */
function heartbeat(side: Pick<Side, "product" | "epoch">, by: { signer: FakeAgent }): Promise<LinkAnswer> {
  const said = { stream: "threat-events" as const, epoch: side.epoch, sealedTo: 0, head: null };
  const text = positionText({ product: by.signer.identity.product, ...said });
  const signature = signBytes(by.signer.keys.signingPrivatePem, Buffer.from(text)).toString("base64");
  counter += 1;
  return json(side.product, "POST", "/link/v1/heartbeat", {
    v: "link/1",
    start: "11111111-1111-4111-8111-111111111111",
    earlierStarts: [],
    counter,
    version: "1.0.0",
    host: "host-1",
    instanceId: side.product.instanceId,
    localTime: "2026-11-24T09:00:00Z",
    ready: { ok: true, reasons: [] },
    sending: "on",
    streams: [{ ...said, spooledBytes: 0, oldestAt: null, signature }],
    outcomes: [],
    waitSeconds: 0,
  });
}

function firstBatch(side: Side, previous: BatchPlace["previous"] = null, first = 0) {
  const event = JSON.stringify(makeThreatEvent({ endpoint: side.endpoint }));
  return sealBatch({ stream: "threat-events", epoch: side.epoch, first, previous }, [event]);
}

function postBatch(as: FakeAgent, batch: { bytes: Buffer; digest: string }): Promise<LinkAnswer> {
  return call(as, {
    to: "ssl",
    method: "POST",
    path: "/link/v1/logs/threat-events",
    headers: {
      "content-type": "application/vnd.tms.batch",
      "repr-digest": `sha-256=:${Buffer.from(batch.digest, "hex").toString("base64")}:`,
    },
    body: batch.bytes,
  });
}

/** Logs on over SSH as `userName` with the key of `as`; resolves with what the portal let it do. */
function putOverSsh(as: FakeAgent, userName: string, batch: ReturnType<typeof firstBatch>): Promise<string> {
  const client = new ssh2.Client();
  const name = batchName(batch.header, batch.digest);
  return new Promise((resolve) => {
    client.on("error", (error: Error & { level?: string }) => resolve(error.level ?? "error"));
    client.on("ready", () =>
      client.sftp((failed, sftp: SFTPWrapper) => {
        if (failed) return resolve("no sftp");
        sftp.writeFile("/in/a.part", batch.bytes, () =>
          sftp.rename("/in/a.part", `/in/${name}`, (error) => {
            client.end();
            resolve(error ? error.message : "accepted");
          }),
        );
      }),
    );
    client.connect({
      host: "127.0.0.1",
      port: portal.ready.logServer?.ssh?.port ?? 0,
      username: userName,
      privateKey: as.keys.sshPrivateKey,
    });
  });
}

async function receivedOf(side: Side): Promise<number> {
  return (await administrator.getProduct({ params: { id: side.product.identity.product } })).records.received;
}

test("a heartbeat signed for another product is refused, the own one is answered", async () => {
  const foreign = await heartbeat(own, { signer: other.product });
  const mine = await heartbeat(own, { signer: own.product });

  expect([foreign.status, foreign.code]).toEqual([422, "link.signature_invalid"]);
  expect(mine.status).toBe(200);
});

test("a batch of another product's epoch is unknown over SSL and SSH, and moves neither stream", async () => {
  await using mine = await portal.product(administrator, own.customer);
  await using theirs = await portal.product(administrator, other.customer);
  const side = { ...own, product: mine, epoch: newId<Epoch>() };
  const foreign = { ...other, product: theirs, epoch: newId<Epoch>() };
  await heartbeat(side, { signer: mine });
  await heartbeat(foreign, { signer: theirs });
  const batch = firstBatch(side);

  const posted = await postBatch(theirs, batch);
  const ssh = await putOverSsh(theirs, theirs.identity.product, batch);
  const underMyName = await putOverSsh(theirs, mine.identity.product, batch);
  const unmoved = [await receivedOf(side), await receivedOf(foreign)];
  const accepted = await postBatch(mine, batch);
  const next = await putOverSsh(mine, mine.identity.product, firstBatch(side, batch.digest, 1));
  const received = await eventually(
    () => receivedOf(side),
    (count) => count === 2,
  );

  expect(JSON.parse(posted.body.toString())).toMatchObject({ outcome: "epoch-unknown", code: "batch.epoch_unknown" });
  expect([ssh, underMyName]).toEqual(["batch.epoch_unknown", "client-authentication"]);
  expect(unmoved).toEqual([0, 0]);
  expect(JSON.parse(accepted.body.toString())).toMatchObject({ outcome: "accepted" });
  expect([next, received]).toEqual(["accepted", 2]);
});

test("another customer's case is neither listed nor changed, even under its very id", async () => {
  const body = { ...caseBody(other.endpoint), note: "taken over" };
  const before = await expert.getCase({ params: { id: own.openCase } });

  const put = await json(other.product, "PUT", `/link/v1/cases/${own.openCase}`, body);
  const theirs = await other.product.link.request.listCases(0);
  const mine = await own.product.link.request.listCases(0);
  const after = await expert.getCase({ params: { id: own.openCase } });

  expect(put.status).toBeGreaterThanOrEqual(400);
  expect(put.code).toBe("case.differs");
  expect(theirs.map((one) => one.id)).not.toContain(own.openCase);
  expect(mine.map((one) => one.id)).toContain(own.openCase);
  expect(after).toEqual(before);
});

test("an upload exists for its own product alone: create, look, write and remove", async () => {
  const bytes = Buffer.from("0123456789");
  const meta = (side: Side) => ({
    case: side.openCase,
    package: newId<PackageId>(),
    endpoint: side.endpoint,
    sha256: sha256Of(bytes),
    recipients: "age1a",
  });
  const encode = (values: Record<string, string>) =>
    Object.entries(values)
      .map(([key, value]) => `${key} ${Buffer.from(value).toString("base64")}`)
      .join(",");
  const tus = (as: FakeAgent, method: string, path: string, more: Record<string, string> = {}, body?: Buffer) =>
    call(as, { method, path, headers: { "tus-resumable": "1.0.0", ...more }, ...(body === undefined ? {} : { body }) });
  const create = (as: FakeAgent, values: Record<string, string>) =>
    tus(as, "POST", "/link/v1/forensics", {
      "upload-length": String(bytes.length),
      "upload-metadata": encode(values),
    });
  const patch = { "upload-offset": "0", "content-type": "application/offset+octet-stream" };
  const overridden = { ...patch, "x-http-method-override": "PATCH" };
  const made = meta(own);

  const stolen = await create(other.product, meta(own));
  const claimed = await create(own.product, { ...made, product: other.product.identity.product });
  const at = new URL(String(claimed.headers.location), "https://portal").pathname;
  const looked = await tus(other.product, "HEAD", at);
  const written = await tus(other.product, "PATCH", at, patch, bytes);
  const smuggled = await tus(other.product, "POST", at, overridden, bytes);
  const removed = await tus(other.product, "DELETE", at);
  const still = await tus(own.product, "HEAD", at);
  const mine = await tus(own.product, "PATCH", at, patch, bytes);
  const finished = await expert.getCase({ params: { id: own.openCase } });
  const lookedLate = await tus(other.product, "HEAD", at);

  expect([stolen.code, claimed.status]).toEqual(["case.unknown", 201]);
  expect([looked.status, written.status, removed.status, lookedLate.status]).toEqual([404, 404, 404, 404]);
  expect(smuggled.status).toBeGreaterThanOrEqual(400);
  expect([still.status, still.headers["upload-offset"]]).toEqual([200, "0"]);
  expect(mine.status).toBe(204);
  expect(finished.packages.find((one) => one.id === made.package)).toMatchObject({ state: "complete" });
});

test("patterns are those of the own customer, and a name of another's target is not found", async () => {
  const names = ["1.root.json", "timestamp.json", "1.regular.json"];

  for (const name of names.slice(0, 2)) {
    const mine = await own.product.link.request.patternMetadata(name);
    const theirs = await other.product.link.request.patternMetadata(name);
    expect(mine?.length).toBeGreaterThan(100);
    expect(theirs?.equals(mine ?? Buffer.alloc(0))).toBe(false);
  }
  const database = new Client({ connectionString: portal.databaseUrl });
  await database.connect();
  await database.query(
    `insert into patterns_targets (customer, path, sha256, size_bytes, blob_key)
      select customer, 'custom-act/CP-only-own.json', sha256, size_bytes, blob_key from patterns_targets
      where customer = $1 and path = 'regular/RP-regular.json'`,
    [own.customer.id],
  );
  await database.end();
  const target = "/link/v1/patterns/targets/custom-act/CP-only-own.json";
  const theirs = await call(other.product, { method: "GET", path: target });
  const mine = await call(own.product, { method: "GET", path: target });

  expect([theirs.status, theirs.code]).toEqual([404, "request.not_found"]);
  expect([mine.status, mine.body.toString()]).toEqual([200, '{"for":"tests"}']);
});

test("a product can end its own registration and no other, and is refused from then on", async () => {
  await using leaving = await portal.product(administrator, other.customer);

  const left = await json(leaving, "POST", "/link/v1/unregister", {
    v: "link/1",
    product: own.product.identity.product,
  });
  const after = await call(leaving, { method: "GET", path: "/link/v1/cases" });
  const mine = await call(own.product, { method: "GET", path: "/link/v1/cases" });

  expect(left.status).toBe(200);
  expect([after.status, after.code]).toEqual([403, "link.identity_revoked"]);
  expect(mine.status).toBe(200);
});

test("a revoked product is refused at its next request on every route, and nothing of it is kept", async () => {
  await using revoked = await portal.product(administrator, own.customer);
  const side = { ...own, product: revoked, epoch: newId<Epoch>() };
  expect((await heartbeat(side, { signer: revoked })).status).toBe(200);
  const row = await administrator.getProduct({ params: { id: revoked.identity.product } });

  await administrator.removeProduct({ params: { id: row.id }, body: { typedName: row.name } });
  const answers = [
    await heartbeat(side, { signer: revoked }),
    await json(revoked, "PUT", `/link/v1/cases/${newId<CaseId>()}`, caseBody(own.endpoint)),
    await call(revoked, { method: "GET", path: "/link/v1/cases" }),
    await call(revoked, { method: "GET", path: "/link/v1/patterns/metadata/1.root.json" }),
    await call(revoked, { method: "GET", path: "/link/v1/patterns/targets/regular/RP-regular.json" }),
    await call(revoked, { method: "POST", path: "/link/v1/forensics", headers: { "tus-resumable": "1.0.0" } }),
    await json(revoked, "POST", "/link/v1/unregister", { v: "link/1" }),
    await postBatch(revoked, firstBatch(side)),
  ];
  const ssh = await putOverSsh(revoked, revoked.identity.product, firstBatch(side));

  expect(answers.map((one) => one.code)).toEqual(answers.map(() => "link.identity_revoked"));
  expect(ssh).toBe("client-authentication");
  expect(await receivedOf(side)).toBe(0);
});

test("every route of the console that takes an id answers an unknown one with a code, never with another's", async () => {
  const guarded = Object.values(portalRoutes).filter(
    (route) => route.method === "GET" && route.identity.kind === "session" && route.path.includes(":"),
  );
  expect(guarded.length).toBeGreaterThan(5);
  const { cookie } = await portal.expert(administrator, "wren");

  for (const route of guarded) {
    const roles = route.identity.kind === "session" ? route.identity.roles : [];
    if (!roles.includes("expert")) continue;
    const path = route.path.replace(":version", "1").replaceAll(/:[a-zA-Z]+/g, newId<CaseId>());
    const answer = await portal.raw(path, { method: "GET", headers: { cookie } });
    expect([route.operationId, answer.status >= 400 && answer.status < 500]).toEqual([route.operationId, true]);
    expect(codeIn(answer.body)).not.toBe("server.internal");
  }
});

test("an event is found under its own customer alone, and a product of another one adds nothing", async () => {
  await using mine = await portal.product(administrator, own.customer);
  const event = makeThreatEvent({ endpoint: own.endpoint });
  await mine.spool.append("threat-events", [event]);
  mine.start();
  const product = mine.identity.product;
  const ask = (customer: CustomerForTest) => administrator.portalEvents({ query: { customer: customer.id, product } });
  const found = await eventually(
    () => ask(own.customer),
    (page) => page.total === 1,
  );

  const foreign = await ask(other.customer);
  const one = administrator.portalEvent({ params: { customer: other.customer.id, id: event.id } });

  expect([found.total, foreign.total]).toEqual([1, 0]);
  await expect(one).rejects.toMatchObject({ code: "event.unknown" });
  await expect(
    administrator.portalEvent({ params: { customer: own.customer.id, id: event.id } }),
  ).resolves.toMatchObject({ event: { id: event.id } });
});

/** The provider's own log: its customer column says whom an entry is about, it belongs to nobody but the provider. */
const UNGUARDED = ["audit_entries"];

test("row-level security alone stops a query for another customer's rows; without it the same query finds them", async () => {
  const owner = new Client({ connectionString: portal.databaseUrl });
  await owner.connect();
  try {
    const app = `${new URL(portal.databaseUrl).pathname.slice(1)}_app`;
    const tables = await owner.query<{ name: string }>(`select c.relname as name from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'customer'
      where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace`);
    const count = async (name: string, scope: string | null) => {
      await owner.query(`set local role "${app}"`);
      await owner.query("select set_config('tms.customer', $1, true)", [scope ?? ""]);
      const { rows } = await owner.query<{ n: number }>(`select count(*)::int as n from ${name} where customer = $1`, [
        own.customer.id,
      ]);
      return rows[0]?.n ?? -1;
    };
    let filled = 0;

    for (const { name } of tables.rows) {
      // A table whose select the app role lacks altogether (the provider's own) has nothing to leak to it.
      const may = await owner.query<{ may: boolean }>("select has_table_privilege($1, $2, 'select') as may", [
        app,
        name,
      ]);
      if (may.rows[0]?.may !== true || UNGUARDED.includes(name)) continue;
      await owner.query("begin");
      const guarded = [await count(name, other.customer.id), await count(name, null)];
      const mine = await count(name, own.customer.id);
      await owner.query("rollback");
      await owner.query("begin");
      await owner.query(`alter table ${name} no force row level security`);
      await owner.query(`alter table ${name} disable row level security`);
      const unguarded = await count(name, other.customer.id);
      await owner.query("rollback");

      expect([name, guarded]).toEqual([name, [0, 0]]);
      expect([name, unguarded]).toEqual([name, mine]);
      if (mine > 0) filled += 1;
    }
    expect(filled).toBeGreaterThan(5);
  } finally {
    await owner.end();
  }
});

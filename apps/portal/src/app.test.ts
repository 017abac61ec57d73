import { packageDownloadPath, portalRoutes } from "@tms/contracts/portal";
import { type CustomerId, type EndpointId, newId, type ThreatId } from "@tms/records";
import { makeThreatEvent } from "@tms/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, type CustomerForTest, eventually, PortalUnderTest } from "./portal-under-test.contract.ts";

let portal: PortalUnderTest;
let administrator: Api;
let customer: CustomerForTest;

beforeAll(async () => {
  portal = await PortalUnderTest.start();
  administrator = portal.api(await portal.setUp());
  customer = await portal.addCustomer(administrator, "Clinic Main");
});
afterAll(() => portal.close());

async function streamOf(product: Parameters<Api["getProduct"]>[0]["params"]["id"]) {
  const view = await administrator.getProduct({ params: { id: product } });
  const found = view.completeness.find((one) => one.stream === "threat-events");
  if (found === undefined) throw new Error("no completeness of threat-events");
  return found;
}

test("a registered product with a heartbeat is online, and both transports deliver its logs", async () => {
  for (const protocol of ["ssl", "ssh"] as const) {
    await using product = await portal.product(administrator, customer, protocol);
    const endpoint = newId<EndpointId>();
    const records = Array.from({ length: 5 }, () =>
      makeThreatEvent({ endpoint, occurredAt: "2026-11-24T08:00:00.000Z" }),
    );
    await product.spool.append("threat-events", records);

    product.start();
    const stream = await eventually(
      () => streamOf(product.identity.product),
      (one) => one.distinctIndexed === 5 && one.sent === 5,
    );
    const listed = await eventually(
      () => administrator.getProduct({ params: { id: product.identity.product } }),
      (one) => one.state === "online",
    );

    expect(stream).toMatchObject({ sent: 5, received: 5, distinctIndexed: 5, lost: 0, keptAside: 0, gaps: [] });
    expect(listed).toMatchObject({ state: "online", protocolSeen: protocol, registration: "registered" });
    const events = await administrator.portalEvents({ query: { customer: customer.id, endpoint } });
    expect(events.total).toBe(5);
    // Of one instant: only the order in which the product numbered them says which came later.
    expect(events.rows.map((row) => row.id)).toEqual(records.map((record) => record.id).reverse());
  }
});

test("an accepted batch is counted with its records and bytes, and waits for the index no longer", async () => {
  await using product = await portal.product(administrator, customer);
  const figures = async () => (await portal.raw("/metrics", { method: "GET", headers: {} })).body.toString("utf8");
  const figureOf = (text: string, name: string) =>
    Number(
      text
        .split("\n")
        .find((line) => line.startsWith(`${name} `))
        ?.split(" ")[1],
    );
  const before = await figures();
  await product.spool.append("threat-events", [makeThreatEvent(), makeThreatEvent()]);
  product.start();
  await eventually(
    () => streamOf(product.identity.product),
    (one) => one.distinctIndexed === 2,
  );

  const after = await figures();

  const grown = (name: string) => figureOf(after, name) - figureOf(before, name);
  expect(grown('tms_batch_records_total{stream="threat-events"}')).toBe(2);
  expect(grown('tms_batches_total{stream="threat-events",outcome="accepted"}')).toBeGreaterThanOrEqual(1);
  expect(grown('tms_batch_bytes_total{stream="threat-events"}')).toBeGreaterThan(100);
  expect(figureOf(after, 'tms_index_backlog_records{stream="threat-events"}')).toBe(0);
  expect(figureOf(after, "tms_metric_reads_failed_total")).toBe(0);
});

test("a batch whose rows go missing changes the figure and stands as a gap", async () => {
  await using product = await portal.product(administrator, customer);
  await product.spool.append(
    "threat-events",
    Array.from({ length: 3 }, () => makeThreatEvent()),
  );
  product.start();
  await eventually(
    () => streamOf(product.identity.product),
    (one) => one.distinctIndexed === 3,
  );
  const client = portal.eventClient();

  await client.command({
    query: `alter table threat_events delete where product = '${product.identity.product}' settings mutations_sync = 2`,
  });
  await client.close();
  const stream = await eventually(
    () => streamOf(product.identity.product),
    (one) => one.distinctIndexed === 0,
  );

  expect(stream.received).toBe(0);
  expect(stream.lost).toBe(3);
  expect(stream.gaps).toEqual([expect.objectContaining({ first: 0, count: 3, cause: "missing-in-store" })]);
});

test("a malformed record is kept aside and counted, and the stream goes on", async () => {
  await using product = await portal.product(administrator, customer);
  const malformed = { ...makeThreatEvent(), kind: "no such kind" } as unknown as ReturnType<typeof makeThreatEvent>;
  await product.spool.append("threat-events", [makeThreatEvent(), malformed, makeThreatEvent()]);

  product.start();
  const stream = await eventually(
    () => streamOf(product.identity.product),
    (one) => one.received === 3,
  );

  expect(stream).toMatchObject({ sent: 3, received: 3, distinctIndexed: 2, keptAside: 1, lost: 0 });
});

test("a wrong password registers nobody", async () => {
  const attempt = portal.product(administrator, { ...customer, password: "not the password" });

  await expect(attempt).rejects.toMatchObject({ code: "link.credentials_wrong" });
});

test("a removed product is refused from its next heartbeat on", async () => {
  await using product = await portal.product(administrator, customer);
  product.start();
  const row = await eventually(
    () => administrator.getProduct({ params: { id: product.identity.product } }),
    (one) => one.lastHeartbeatAt !== null,
  );
  const wrongName = administrator.removeProduct({ params: { id: row.id }, body: { typedName: "another name" } });
  await expect(wrongName).rejects.toMatchObject({ code: "confirmation.name_differs" });

  await administrator.removeProduct({ params: { id: row.id }, body: { typedName: row.name } });

  await expect(product.link.request.listCases(0)).rejects.toMatchObject({
    code: "link.identity_revoked",
  });
});

test("an event of one threat opens one incident with a report in both forms", async () => {
  await using product = await portal.product(administrator, customer);
  const [endpoint, threatId] = [newId<EndpointId>(), newId<ThreatId>()];
  const base = makeThreatEvent({ endpoint });
  const event = () => makeThreatEvent({ endpoint, body: { ...base.body, threatId, host: "ws-<b>9</b>" } });
  await product.spool.append("threat-events", [event(), event()]);
  product.start();

  const incidents = await eventually(
    () => administrator.listIncidents({ query: { customer: customer.id, pageSize: 200 } }),
    (page) => page.rows.some((row) => row.endpoints[0]?.id === endpoint && row.events === 2),
  );
  const incident = incidents.rows.find((row) => row.endpoints[0]?.id === endpoint);
  const headers = { cookie: (await logOnAgain()).cookie };
  const html = await portal.raw(`/api/v1/incidents/${incident?.id}/report.html`, { method: "GET", headers });
  const pdf = await portal.raw(`/api/v1/incidents/${incident?.id}/report.pdf`, { method: "GET", headers });

  expect(html.status).toBe(200);
  expect(html.body.toString("utf8")).toContain("ws-&lt;b&gt;9&lt;/b&gt;");
  expect(pdf.body.subarray(0, 5).toString("latin1")).toBe("%PDF-");
});

test("an unknown customer is refused, a known one is answered", async () => {
  const unknown = administrator.connectionDetails({ params: { id: newId<CustomerId>() } });

  await expect(unknown).rejects.toMatchObject({ code: "customer.unknown" });
  await expect(administrator.connectionDetails({ params: { id: customer.id } })).resolves.toMatchObject({
    schema: "tms.connection/1",
  });
});

/** Parameters that name nothing; an answer other than a refusal would show that the guard was passed. */
function urlOf(path: string): string {
  return path.replace(/:version\b/, "1").replace(/:[A-Za-z]+/g, newId<CustomerId>());
}

test("every console route refuses who is not logged on, and an expert where only an administrator may", async () => {
  const expert = await portal.expert(administrator, "walker");
  const guarded = Object.values(portalRoutes).filter((route) => route.identity.kind === "session");
  expect(guarded.length).toBeGreaterThan(20);

  for (const route of guarded) {
    const hasBody = route.method !== "GET" && route.method !== "DELETE";
    const headers: Record<string, string> = hasBody ? { "content-type": "application/json" } : {};
    const rest = { method: route.method, ...(hasBody ? { body: "{}" } : {}) };
    const nobody = await portal.raw(urlOf(route.path), { ...rest, headers });
    expect([route.operationId, nobody.status]).toEqual([route.operationId, 401]);
    const allowed = route.identity.kind === "session" && route.identity.roles.includes("expert");
    if (allowed) continue;
    const asExpert = await portal.raw(urlOf(route.path), { ...rest, headers: { ...headers, cookie: expert.cookie } });
    expect([route.operationId, asExpert.status]).toEqual([route.operationId, 403]);
  }
});

test("downloads and reports refuse who is not logged on", async () => {
  for (const path of [packageDownloadPath, "/api/v1/incidents/:id/report.html", "/api/v1/incidents/:id/report.pdf"]) {
    const answer = await portal.raw(urlOf(path), { method: "GET", headers: {} });

    expect([path, answer.status]).toEqual([path, 401]);
  }
});

async function logOnAgain(): Promise<{ cookie: string }> {
  const answer = await portal.raw("/api/v1/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ userName: "admin", password: "correct horse battery" }),
  });
  return { cookie: String(answer.headers["set-cookie"]).split(";")[0] ?? "" };
}

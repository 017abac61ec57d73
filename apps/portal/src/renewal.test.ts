import { identityInForce, makeCertificateRequest } from "@tms/link/lower";
import { type FakeAgent, makeThreatEvent } from "@tms/testkit";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callLink } from "./link-call.contract.ts";
import { type Api, type CustomerForTest, eventually, PortalUnderTest } from "./portal-under-test.contract.ts";

// Renewal at the whole portal: a hint from the console, a new key, and what becomes of the old one.

let portal: PortalUnderTest;
let administrator: Api;
let customer: CustomerForTest;

beforeAll(async () => {
  portal = await PortalUnderTest.start();
  administrator = portal.api(await portal.setUp());
  customer = await portal.addCustomer(administrator, "Clinic Main");
});
afterAll(() => portal.close());

const viewOf = (product: FakeAgent) => administrator.getProduct({ params: { id: product.identity.product } });

/** The agent as it was, with copies of the keys that a renewal replaces. */
function frozen(agent: FakeAgent): FakeAgent {
  return { identity: { ...agent.identity }, keys: { ...agent.keys } } as unknown as FakeAgent;
}

async function listCases(as: FakeAgent): Promise<string> {
  const answer = await callLink(portal, as, { method: "GET", path: "/link/v1/cases?after=0" });
  return answer.code ?? String(answer.status);
}

function askForRenewal(as: FakeAgent, body: object) {
  return callLink(portal, as, {
    method: "POST",
    path: "/link/v1/renew",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function inDatabase(text: string, values: unknown[]): Promise<void> {
  const client = new Client({ connectionString: portal.databaseUrl });
  await client.connect();
  try {
    await client.query(text, values);
  } finally {
    await client.end();
  }
}

test.each(["ssl", "ssh"] as const)(
  "over %s a product that is asked to renew delivers on with its new key, and its old one is nobody's",
  async (protocol) => {
    await using agent = await portal.product(administrator, customer, protocol);
    const before = frozen(agent);
    const { product } = agent.identity;
    agent.start();
    await agent.spool.append("threat-events", [makeThreatEvent()]);
    const first = await eventually(
      () => viewOf(agent),
      (view) => view.records.received === 1,
    );

    await administrator.renewProduct({ params: { id: product } });
    const renewed = await eventually(
      () => viewOf(agent),
      (view) => view.certificate.fingerprint !== first.certificate.fingerprint,
    );
    await agent.spool.append("threat-events", [makeThreatEvent()]);
    const last = await eventually(
      () => viewOf(agent),
      (view) => view.records.received === 2,
    );
    const now = frozen(agent);
    now.identity = await identityInForce(agent.keys, agent.identity);

    expect(last.records).toMatchObject({ received: 2, lost: 0 });
    expect(renewed.sshFingerprint).not.toBe(first.sshFingerprint);
    expect([await listCases(before), await listCases(now)]).toEqual(["link.identity_unknown", "200"]);
    const audited = (await administrator.portalAudit({ query: {} })).rows.filter((row) => row.subject === product);
    expect(audited.map((row) => row.action)).toEqual(
      expect.arrayContaining(["product.renewal-asked", "product.renewed", "product.registered"]),
    );
  },
);

test("the key in use is not certified again, and another product's key stays the other's", async () => {
  await using agent = await portal.product(administrator, customer);
  await using other = await portal.product(administrator, customer);
  const bodyOf = async (whose: FakeAgent) => {
    return {
      v: "link/1",
      certificateRequest: await makeCertificateRequest(whose.keys.tlsPrivatePem),
      sshPublicKey: agent.keys.sshPublicKey,
    };
  };

  const same = await askForRenewal(agent, await bodyOf(agent));
  await askForRenewal(agent, await bodyOf(other));

  expect([same.status, same.code]).toEqual([422, "link.csr_invalid"]);
  expect(await listCases(other)).toBe("200");
  expect((await viewOf(other)).certificate.fingerprint).not.toBe((await viewOf(agent)).certificate.fingerprint);
  expect(await listCases(agent)).toBe("200");
});

test("an expired product is shown as one that may only renew, and may do nothing else", async () => {
  await using agent = await portal.product(administrator, customer);
  await inDatabase("update registration_products set certificate_not_after = now() - interval '1 day' where id = $1", [
    agent.identity.product,
  ]);

  const refused = await listCases(agent);
  const shown = await viewOf(agent);
  agent.start();
  await agent.until((state) => state.phase === "connected");
  const renewed = await eventually(
    () => viewOf(agent),
    (view) => view.registration === "registered",
  );

  expect(refused).toBe("link.identity_expired");
  expect([shown.registration, shown.state]).toEqual(["may-only-renew", "may-only-renew"]);
  expect(renewed.state).not.toBe("may-only-renew");
});

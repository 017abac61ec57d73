import { once } from "node:events";
import type { FakeAgent } from "@tms/testkit";
import { Client } from "pg";
import ssh2, { type ClientChannel } from "ssh2";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { callLink, codeIn } from "./link-call.contract.ts";
import { type Api, type CustomerForTest, eventually, PortalUnderTest } from "./portal-under-test.contract.ts";

// Who is removed loses what is open at once: on the node where a person did it, and on every other one by NOTIFY.

let portal: PortalUnderTest;
let administrator: Api;
let customer: CustomerForTest;

beforeAll(async () => {
  portal = await PortalUnderTest.start();
  administrator = portal.api(await portal.setUp());
  customer = await portal.addCustomer(administrator, "Clinic Main");
});
afterAll(() => portal.close());

/** An ingest channel that has been opened and waits. */
async function openIngest(agent: FakeAgent): Promise<{ client: ssh2.Client; channel: ClientChannel }> {
  const client = new ssh2.Client();
  onTestFinished(() => void client.end());
  client.connect({
    host: "127.0.0.1",
    port: portal.ready.logServer?.ssh.port ?? 0,
    username: agent.identity.product,
    privateKey: agent.keys.sshPrivateKey,
  });
  await once(client, "ready");
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    client.exec("tms-ingest", (error, opened) => (error ? reject(error) : resolve(opened)));
  });
  return { client, channel };
}

function longPoll(agent: FakeAgent) {
  return callLink(portal, agent, {
    method: "POST",
    path: "/link/v1/heartbeat",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      v: "link/1",
      start: crypto.randomUUID(),
      earlierStarts: [],
      counter: 1,
      version: "1.0.0",
      host: "host-1",
      instanceId: agent.instanceId,
      localTime: new Date().toISOString(),
      ready: { ok: true, reasons: [] },
      sending: "on",
      streams: [],
      outcomes: [],
      waitSeconds: 50,
    }),
  });
}

/** As another node of this portal would do it: the table, and the word on the channel. */
async function removeOnAnotherNode(product: string): Promise<void> {
  const node = new Client({ connectionString: portal.databaseUrl });
  await node.connect();
  try {
    await node.query("update registration_products set registration = 'revoked', ended_at = now() where id = $1", [
      product,
    ]);
    await node.query("select pg_notify('tms_identity', $1)", [product]);
  } finally {
    await node.end();
  }
}

test.each(["here", "on another node"] as const)(
  "a product removed %s hears it in its long poll and over its open ssh channel",
  async (where) => {
    await using agent = await portal.product(administrator, customer);
    const { product } = agent.identity;
    const { client, channel } = await openIngest(agent);
    const poll = longPoll(agent);
    const view = await eventually(
      () => administrator.getProduct({ params: { id: product } }),
      (one) => one.lastHeartbeatAt !== null,
    );
    const told = once(channel, "data");
    const closed = once(client, "close");

    if (where === "on another node") await removeOnAnotherNode(product);
    else await administrator.removeProduct({ params: { id: product }, body: { typedName: view.name } });

    expect((await poll).code).toBe("link.identity_revoked");
    expect(codeIn((await told)[0] as Buffer)).toBe("link.identity_revoked");
    await closed;
  },
);

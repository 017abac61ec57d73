import { once } from "node:events";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { type Epoch, newId } from "@tms/records";
import { FakeAgent, FakePortal, makeThreatEvent } from "@tms/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { sealBatch } from "../batch/seal-batch.ts";
import { makeCertificateRequest } from "../lower/certificate-request.ts";
import { dialSsh, errorOfAnswerLine } from "../lower/dial-ssh.ts";
import { LineReader } from "../lower/line-reader.ts";
import { makeRenewableKeys } from "../lower/lower-keys.ts";
import { openChannel } from "../lower/ssh-batch-transport.ts";

// What is open when an identity ends: it hears the refusal if something is under way, and ends.

const FOREVER = new AbortController().signal;

async function arrange() {
  const portal = await FakePortal.start();
  const [agent, other] = [await FakeAgent.create({ portal }), await FakeAgent.create({ portal })];
  onTestFinished(async () => {
    await Promise.all([agent.close(), other.close()]);
    await portal.close();
  });
  return { portal, agent, other };
}

/** A keep-alive connection with the agent's certificate. */
function connectionOf(portal: FakePortal, agent: FakeAgent, port: number) {
  const pool = new HttpsAgent({
    keepAlive: true,
    maxSockets: 1,
    ca: agent.identity.caPem,
    cert: agent.identity.certificatePem,
    key: agent.keys.tlsPrivatePem,
  });
  onTestFinished(() => pool.destroy());
  const sockets = new Set<Socket>();
  const call = (method: string, path: string, body?: string) =>
    new Promise<{ status: number; code: string | null }>((resolve, reject) => {
      const headers = { "content-type": "application/json" };
      const sent = httpsRequest({ host: portal.host, port, agent: pool, method, path, headers }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("end", () => {
          const { code = null } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as { code?: string };
          resolve({ status: answer.statusCode ?? 0, code });
        });
      });
      sent.on("socket", (socket) => sockets.add(socket));
      sent.on("error", reject);
      sent.end(body);
    });
  return {
    call,
    /** The only connection that was made. */
    socket: () => {
      const [socket] = sockets;
      if (socket === undefined || sockets.size !== 1) throw new Error(`${sockets.size} connections were made`);
      return socket;
    },
  };
}

function pollOf(agent: FakeAgent): string {
  return JSON.stringify({
    v: "link/1",
    start: crypto.randomUUID(),
    earlierStarts: [],
    counter: 1,
    version: "1.0.0",
    host: "host-1",
    instanceId: agent.instanceId,
    localTime: "2026-11-24T09:00:00Z",
    ready: { ok: true, reasons: [] },
    sending: "on",
    streams: [],
    outcomes: [],
    waitSeconds: 50,
  });
}

describe.each(["revoked", "unregistered"] as const)("a product that is %s", (registration) => {
  test("is told so in its long poll, and the connection ends", async () => {
    const { portal, agent } = await arrange();
    const line = connectionOf(portal, agent, portal.ports.status);
    const poll = line.call("POST", "/link/v1/heartbeat", pollOf(agent));
    await portal.until(() => portal.heartbeats.length === 1);
    const closed = once(line.socket(), "close");

    portal.setRegistration(agent.identity.product, registration);

    expect(await poll).toEqual({ status: 403, code: "link.identity_revoked" });
    await closed;
  });

  test.each(["status", "ssl"] as const)(
    "loses its idle connection to the listener %s without asking",
    async (which) => {
      const { portal, agent, other } = await arrange();
      const [line, othersLine] = [agent, other].map((one) => connectionOf(portal, one, portal.ports[which]));
      const path = which === "status" ? "/link/v1/cases?after=0" : "/link/v1/logs/threat-events";
      const ask = (one: typeof line) => one?.call(which === "status" ? "GET" : "POST", path);
      await Promise.all([ask(line), ask(othersLine)]);
      const closed = once(line?.socket() ?? process, "close");

      portal.setRegistration(agent.identity.product, registration);
      await closed;
      await ask(othersLine);

      // The other one's second request went over its first connection.
      expect(othersLine?.socket().destroyed).toBe(false);
    },
  );
});

describe("over ssh", () => {
  const dial = async (portal: FakePortal, agent: FakeAgent) => {
    const client = await dialSsh(
      { host: portal.host, port: portal.ports.ssh },
      {
        username: agent.identity.product,
        privateKey: agent.keys.sshPrivateKey,
        hostKeys: [portal.sshHostKey.fingerprint],
      },
    );
    onTestFinished(() => void client.end());
    return client;
  };

  test("an ingest channel that has sent a batch and waits is told the refusal, and the connection ends", async () => {
    const { portal, agent } = await arrange();
    const epoch = newId<Epoch>();
    portal.store.announce(agent.identity.product, "threat-events", epoch);
    const client = await dial(portal, agent);
    const channel = await openChannel(client, "tms-ingest");
    const lines = new LineReader(channel);
    const place = { stream: "threat-events", epoch, first: 0, previous: null } as const;
    const { bytes, digest } = sealBatch(place, [JSON.stringify(makeThreatEvent())]);
    channel.write(`${digest} threat-events ${bytes.length}\n`);
    channel.write(bytes);
    const accepted = await lines.next(FOREVER);
    const closed = once(client, "close");

    portal.setRegistration(agent.identity.product, "revoked");
    const told = await lines.next(FOREVER);
    await closed;

    expect(JSON.parse(accepted)).toMatchObject({ outcome: "accepted" });
    expect(errorOfAnswerLine(told)?.code).toBe("link.identity_revoked");
  });

  test("a connection that only stands there, and one with an open SFTP channel, end; another product's does not", async () => {
    const { portal, agent, other } = await arrange();
    const [idle, busy, others] = await Promise.all([dial(portal, agent), dial(portal, agent), dial(portal, other)]);
    await new Promise<void>((resolve, reject) => busy.sftp((error) => (error ? reject(error) : resolve())));
    const closed = Promise.all([once(idle, "close"), once(busy, "close")]);

    portal.setRegistration(agent.identity.product, "revoked");
    await closed;

    const channel = await openChannel(others, "tms-ingest");
    expect(channel.writable).toBe(true);
  });
});

test("a connection with the key of before a renewal ends when the new key is used", async () => {
  const { portal, agent } = await arrange();
  const line = connectionOf(portal, agent, portal.ports.status);
  const fresh = makeRenewableKeys();
  const body = {
    v: "link/1",
    certificateRequest: await makeCertificateRequest(fresh.tlsPrivatePem),
    sshPublicKey: agent.keys.sshPublicKey,
  };
  await line.call("POST", "/link/v1/renew", JSON.stringify(body));
  const closed = once(line.socket(), "close");

  const next = portal.products.get(agent.identity.product)?.next?.spki;
  if (next !== undefined) await portal.identity.bySpki(next);

  await closed;
});

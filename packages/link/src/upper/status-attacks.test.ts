import {
  type HeartbeatRequest,
  linkHeartbeat,
  linkTest,
  PATTERN_METADATA_PATH,
  PATTERN_TARGETS_PATH,
} from "@tms/contracts/link";
import { type Epoch, newId } from "@tms/records";
import { positionText, signBytes } from "@tms/signing";
import { FakeAgent, FakePortal } from "@tms/testkit";
import { expect, test } from "vitest";
import { callLink, problemFrom } from "../lower/link-http.ts";
import { createTlsAgent } from "../lower/tls-client.ts";

async function speaker(portal: FakePortal) {
  const agent = await FakeAgent.create({ portal });
  const http = createTlsAgent({
    caPem: agent.identity.caPem,
    certificatePem: agent.identity.certificatePem,
    privateKeyPem: agent.keys.tlsPrivatePem,
  });
  const base = `https://127.0.0.1:${portal.ports.status}`;
  const call = async (method: "GET" | "POST", path: string, body?: unknown) => {
    const answer = await callLink(http, {
      method,
      url: base + path,
      ...(body === undefined
        ? {}
        : {
            headers: { "content-type": "application/json" },
            body: typeof body === "string" ? body : JSON.stringify(body),
          }),
      timeoutMs: 20_000,
    });
    return { status: answer.status, code: answer.status >= 400 ? problemFrom(answer).code : null, bytes: answer.bytes };
  };
  return {
    agent,
    call,
    heartbeat: (request: object) => call("POST", linkHeartbeat.path, request),
    async [Symbol.asyncDispose]() {
      await http.destroy();
      await agent.close();
    },
  };
}

function heartbeat(change: object = {}): HeartbeatRequest {
  const request: HeartbeatRequest = {
    v: "link/1",
    start: "11111111-1111-4111-8111-111111111111",
    earlierStarts: [],
    counter: 1,
    version: "1.0.0",
    host: "host-1",
    instanceId: "22222222-2222-4222-8222-222222222222",
    localTime: "2026-11-24T09:00:00Z",
    ready: { ok: true, reasons: [] },
    sending: "on",
    streams: [],
    outcomes: [],
    waitSeconds: 0,
  };
  return { ...request, ...change };
}

test("a replayed heartbeat counter is refused, the same request again is answered", async () => {
  await using portal = await FakePortal.start();
  await using by = await speaker(portal);

  const first = await by.heartbeat(heartbeat({ counter: 5 }));
  const retry = await by.heartbeat(heartbeat({ counter: 5 }));
  const changed = await by.heartbeat(heartbeat({ counter: 5, host: "other" }));
  const older = await by.heartbeat(heartbeat({ counter: 4 }));

  expect([first.status, retry.status]).toEqual([200, 200]);
  const answerOf = (one: { bytes: Buffer }) => ({ ...JSON.parse(one.bytes.toString("utf8")), serverTime: "" });
  expect(answerOf(retry)).toEqual(answerOf(first));
  expect([changed.code, older.code]).toEqual(["link.counter_replayed", "link.counter_replayed"]);
  expect(portal.heartbeats).toHaveLength(1);
});

test("a position that its own key did not sign is refused and nothing of it is kept", async () => {
  await using portal = await FakePortal.start();
  await using by = await speaker(portal);
  const said = { stream: "threat-events" as const, epoch: newId<Epoch>(), sealedTo: 3, head: null };
  const report = { ...said, spooledBytes: 0, oldestAt: null };
  const sign = (text: string) => signBytes(by.agent.keys.signingPrivatePem, Buffer.from(text)).toString("base64");
  const right = sign(positionText({ product: by.agent.identity.product, ...said }));
  const wrong = sign(positionText({ product: by.agent.identity.product, ...said, sealedTo: 4 }));

  const refused = await by.heartbeat(heartbeat({ streams: [{ ...report, signature: wrong }] }));
  const kept = portal.heartbeats.length;
  const accepted = await by.heartbeat(heartbeat({ streams: [{ ...report, signature: right }] }));

  expect(refused.code).toBe("link.signature_invalid");
  expect(kept).toBe(0);
  expect(accepted.status).toBe(200);
});

test("malformed, oversized and foreign-version requests are refused with their codes", async () => {
  await using portal = await FakePortal.start();
  await using by = await speaker(portal);

  const version = await by.heartbeat({ ...heartbeat(), v: "link/2" });
  const fields = await by.heartbeat({ ...heartbeat(), counter: -1 });
  const syntax = await by.call("POST", linkHeartbeat.path, "{");
  const large = await by.heartbeat({ ...heartbeat(), host: "x".repeat(200_000) });

  expect([version, fields, syntax, large].map((one) => [one.status, one.code])).toEqual([
    [400, "link.version_unknown"],
    [400, "request.malformed"],
    [400, "request.malformed"],
    [413, "request.too_large"],
  ]);
  expect(portal.heartbeats).toHaveLength(0);
});

test("the test log-on checks credentials and stores nothing", async () => {
  await using portal = await FakePortal.start();
  await using by = await speaker(portal);
  const products = portal.products.size;
  const log = (password: string) =>
    by.call("POST", linkTest.path, { v: "link/1", userName: portal.userName, password });

  const right = await log(portal.password);
  const wrong = await log("guess");

  expect(JSON.parse(right.bytes.toString())).toMatchObject({ accepts: true, role: "status-server" });
  expect([wrong.status, wrong.code]).toEqual([401, "link.credentials_wrong"]);
  expect(portal.products.size).toBe(products);
});

test("no pattern name leads out of its folder, and an expired customer gets none", async () => {
  await using portal = await FakePortal.start();
  await using by = await speaker(portal);
  portal.patternFiles.set("1.root.json", Buffer.from("root"));
  portal.patternFiles.set("targets/custom-act/CP-1.json", Buffer.from("target"));
  portal.patternFiles.set("../secret", Buffer.from("secret"));
  portal.patternFiles.set("targets/../../secret", Buffer.from("secret"));

  const right = await by.call("GET", `${PATTERN_METADATA_PATH}/1.root.json`);
  const target = await by.call("GET", `${PATTERN_TARGETS_PATH}/custom-act/CP-1.json`);
  const up = await by.call("GET", `${PATTERN_METADATA_PATH}/..%2fsecret`);
  const upTarget = await by.call("GET", `${PATTERN_TARGETS_PATH}/..%2f..%2fsecret`);
  portal.customerExpired = true;
  const expired = await by.call("GET", `${PATTERN_METADATA_PATH}/1.root.json`);

  expect([right.bytes.toString(), target.bytes.toString()]).toEqual(["root", "target"]);
  expect([up.status, upTarget.status]).toEqual([404, 404]);
  expect(expired.code).toBe("link.customer_expired");
});

test("a directive that appears ends a long poll", async () => {
  await using portal = await FakePortal.start();
  await using by = await speaker(portal);
  const id = newId<never>();
  const poll = by.heartbeat(heartbeat({ waitSeconds: 50 }));
  await portal.until(() => portal.heartbeats.length === 1);

  portal.order(by.agent.identity.product, { id, kind: "send-now", expiresAt: "2099-01-01T00:00:00Z", payload: {} });
  const answer = JSON.parse((await poll).bytes.toString());

  expect(answer.directives).toMatchObject([{ id, kind: "send-now" }]);
});

test("a product removed during its long poll is told so", async () => {
  await using portal = await FakePortal.start();
  await using by = await speaker(portal);
  const poll = by.heartbeat(heartbeat({ waitSeconds: 50 }));
  await portal.until(() => portal.heartbeats.length === 1);

  portal.setRegistration(by.agent.identity.product, "revoked");
  portal.order(by.agent.identity.product, {
    id: newId<never>(),
    kind: "send-now",
    expiresAt: "2099-01-01T00:00:00Z",
    payload: {},
  });

  expect((await poll).code).toBe("link.identity_revoked");
});

test("every route of the status server refuses a caller without a certificate, except those that sell one", async () => {
  await using portal = await FakePortal.start();
  const http = createTlsAgent({ caPem: portal.authority.caPem });
  const paths = [
    "GET /link/v1/cases",
    "POST /link/v1/heartbeat",
    "POST /link/v1/unregister",
    "POST /link/v1/renew",
    "POST /link/v1/forensics",
    "GET /link/v1/patterns/metadata/a",
    "GET /link/v1/patterns/targets/a",
  ];

  const codes = [];
  for (const [method, path] of paths.map((one) => one.split(" ") as ["GET" | "POST", string])) {
    const answer = await callLink(http, {
      method,
      url: `https://127.0.0.1:${portal.ports.status}${path}`,
      timeoutMs: 20_000,
      ...(method === "POST"
        ? {
            headers: {
              "content-type": path.includes("forensics") ? "application/offset+octet-stream" : "application/json",
            },
            body: "{}",
          }
        : {}),
    });
    codes.push(problemFrom(answer).code);
  }
  await http.destroy();

  expect(codes).toEqual(paths.map(() => "link.identity_required"));
});

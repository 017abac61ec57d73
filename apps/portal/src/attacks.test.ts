import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CaseId, type EndpointId, newId, type PackageId, type ThreatId } from "@tms/records";
import { sha256Of } from "@tms/signing";
import type { FakeAgent } from "@tms/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callLink, codeIn, type LinkAnswer } from "./link-call.contract.ts";
import { type Api, type CustomerForTest, PortalUnderTest } from "./portal-under-test.contract.ts";

// What a registered but evil product, or somebody without an identity, tries at a whole portal.

let portal: PortalUnderTest;
let administrator: Api;
let expert: Api;
let customer: CustomerForTest;
let product: FakeAgent;

beforeAll(async () => {
  portal = await PortalUnderTest.start();
  administrator = portal.api(await portal.setUp());
  expert = portal.api({ cookie: (await portal.expert(administrator, "heron")).cookie });
  customer = await portal.addCustomer(administrator, "Clinic Main");
  product = await portal.product(administrator, customer);
});
afterAll(async () => {
  await product.close();
  await portal.close();
});

async function openCase(): Promise<{ id: CaseId; endpoint: EndpointId }> {
  const [id, endpoint] = [newId<CaseId>(), newId<EndpointId>()];
  await product.link.request.putCase(id, {
    endpoint,
    host: "ws-1",
    threats: [newId<ThreatId>()],
    events: [],
    note: "",
    openedBy: "operator",
    openedAt: "2026-11-24T09:00:00Z",
    state: "submitted",
  });
  return { id, endpoint };
}

function tus(method: string, path: string, headers: Record<string, string>, body?: Buffer): Promise<LinkAnswer> {
  const sent = { method, path, headers: { "tus-resumable": "1.0.0", ...headers } };
  return callLink(portal, product, body === undefined ? sent : { ...sent, body });
}

function metadata(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString("base64")}`)
    .join(",");
}

test("custody never calls bytes the announced ones that another announcement replaced", async () => {
  const opened = await openCase();
  const [announced, replaced] = [randomBytes(20), randomBytes(20)];
  const meta = { case: opened.id, package: newId<PackageId>(), endpoint: opened.endpoint, recipients: "age1a" };
  const create = async (bytes: Buffer) => {
    const values = { ...meta, sha256: sha256Of(bytes) };
    const made = await tus("POST", "/link/v1/forensics", {
      "upload-length": "20",
      "upload-metadata": metadata(values),
    });
    return new URL(String(made.headers.location), "https://portal").pathname;
  };
  const patch = { "upload-offset": "0", "content-type": "application/offset+octet-stream" };

  const first = await create(announced);
  const second = await create(replaced);
  const swapped = await tus("PATCH", first, patch, announced);
  const afterSwap = (await expert.getCase({ params: { id: opened.id } })).packages[0];
  const right = await tus("PATCH", second, patch, replaced);
  const arrived = (await expert.getCase({ params: { id: opened.id } })).packages[0];

  expect(swapped.code).toBe("package.hash_mismatch");
  expect(afterSwap?.state).not.toBe("complete");
  expect(afterSwap?.custody.map((entry) => entry.action)).not.toContain("verified");
  expect(right.status).toBe(204);
  expect(arrived).toMatchObject({ state: "complete", sha256: sha256Of(replaced) });
});

test("upload headers that lie or smuggle are refused and leave no file", async () => {
  const opened = await openCase();
  const sha256 = sha256Of(Buffer.from("x"));
  const meta = { case: opened.id, package: newId<PackageId>(), endpoint: opened.endpoint, sha256, recipients: "a" };
  const directory = join(portal.ready.caPem, "..", "blobs", "uploads");
  const before = (await readdir(directory)).length;
  const create = (headers: Record<string, string>) => tus("POST", "/link/v1/forensics", headers);
  const good = metadata(meta);

  const answers = [
    await create({ "upload-length": "1", "upload-metadata": metadata({ ...meta, package: "../../ca-key.pem" }) }),
    await create({ "upload-length": "1", "upload-metadata": `${good},case ${Buffer.from("../x").toString("base64")}` }),
    await create({ "upload-length": "1", "upload-metadata": "case" }),
    await create({ "upload-length": "-1", "upload-metadata": good }),
    await create({ "upload-length": "99999999999999", "upload-metadata": good }),
    await create({ "upload-defer-length": "1", "upload-metadata": good }),
    await create({ "upload-length": "1", "upload-concat": "final;/link/v1/forensics/a", "upload-metadata": good }),
  ];

  // 501: concatenation is an extension that this server does not have.
  expect(answers.map((one) => (one.status >= 400 && one.status < 500) || one.status === 501)).toEqual(
    answers.map(() => true),
  );
  expect((await readdir(directory)).length).toBe(before);
});

test("JSON as deep as its limit allows, and a forged prototype, are malformed and nothing else", async () => {
  const send = (body: string) =>
    callLink(portal, product, {
      method: "POST",
      path: "/link/v1/heartbeat",
      headers: { "content-type": "application/json" },
      body,
    });

  const deep = await send(`{"v":"link/1","ready":${"[".repeat(60_000)}${"]".repeat(60_000)}}`);
  const prototype = await send('{"v":"link/1","__proto__":{"counter":1}}');
  const wrongType = await send("null");

  expect([deep, prototype, wrongType].map((one) => one.code)).toEqual(Array(3).fill("request.malformed"));
});

test("a refusal names its code and no path, query, stack or store", async () => {
  const file = join(await mkdtemp(join(tmpdir(), "tms-attack-")), "package.age");
  await writeFile(file, "x");
  const answers = [
    await callLink(portal, product, { method: "GET", path: "/link/v1/cases?after=1'--" }),
    await callLink(portal, product, { method: "GET", path: "/link/v1/patterns/metadata/%00" }),
    await callLink(portal, product, { method: "GET", path: "/link/v1/patterns/targets/a/..%2f..%2f..%2fca-key.pem" }),
    await callLink(portal, product, { method: "HEAD", path: "/link/v1/forensics/..%2f..%2fca%2fca-key.pem" }),
    await callLink(portal, product, { method: "PUT", path: "/link/v1/cases/not-an-id", body: "{}" }),
    await callLink(portal, null, { method: "POST", path: "/link/v1/register", body: "\u0000" }),
  ];

  for (const answer of answers) {
    const text = answer.body.toString("utf8");
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(text).not.toMatch(/node_modules|\.ts:|at \w+ \(|select |insert |\/tmp\/|PRIVATE KEY/);
  }
});

test("guessing the set-up link opens nothing, ends in 429, and a link that was used is worth nothing", async () => {
  const token = /token=(.+)$/.exec(portal.ready.setUpLink ?? "")?.[1] ?? "";
  const attempt = async (guess: string) => {
    const body = JSON.stringify({ token: guess, userName: "evil", password: "correct horse battery" });
    const headers = { "content-type": "application/json" };
    const answer = await portal.raw("/api/v1/setup", { method: "POST", headers, body });
    return { status: answer.status, code: codeIn(answer.body), cookie: answer.headers["set-cookie"] };
  };

  const used = await attempt(token);
  const guesses = [];
  for (let count = 0; count < 80; count += 1) guesses.push(await attempt(randomBytes(32).toString("base64url")));

  expect(used.status).toBeGreaterThanOrEqual(400);
  expect(guesses.every((one) => one.status >= 400 && one.cookie === undefined)).toBe(true);
  expect(guesses.at(-1)?.status).toBe(429);
});

test("passwords of a customer cannot be guessed: the right one too is refused once the tries are used up", async () => {
  const victim = await portal.addCustomer(administrator, "Victim");
  const attempt = async (password: string) => {
    const body = JSON.stringify({ v: "link/1", userName: victim.userName, password });
    const headers = { "content-type": "application/json" };
    return (await callLink(portal, null, { method: "POST", path: "/link/v1/test", headers, body })).code;
  };

  const codes = [];
  for (let count = 0; count < 12; count += 1) codes.push(await attempt(`guess ${count}`));
  const right = await attempt(victim.password);

  expect(codes[0]).toBe("link.credentials_wrong");
  expect(codes.at(-1)).toMatch(/throttled|rate_limited/);
  expect(right).toMatch(/throttled|rate_limited/);
});

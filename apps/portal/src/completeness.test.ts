import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ProductId } from "@tms/records";
import { makeThreatEvent } from "@tms/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, type CustomerForTest, eventually, PortalUnderTest } from "./portal-under-test.contract.ts";

// The certificate at the whole portal: real batches in, a file out, and `tms verify` in a process of its own, which is
// told nothing but the pin from the connection details.

const TMS = join(import.meta.dirname, "..", "..", "cli", "src", "main.ts");

let portal: PortalUnderTest;
let administrator: Api;
let customer: CustomerForTest;
let directory: string;
let caPin: string;

beforeAll(async () => {
  portal = await PortalUnderTest.start();
  administrator = portal.api(await portal.setUp());
  customer = await portal.addCustomer(administrator, "Own");
  directory = await mkdtemp(join(tmpdir(), "tms-completeness-"));
  const details = await administrator.connectionDetails({ params: { id: customer.id } });
  caPin = details.caPins[0] ?? "";
});
afterAll(async () => {
  await portal.close();
  await rm(directory, { recursive: true });
});

async function verify(content: string): Promise<Record<string, unknown> & { exit: number }> {
  const file = join(directory, `${crypto.randomUUID()}.jsonl`);
  await writeFile(file, content);
  const ran = await promisify(execFile)(process.execPath, [TMS, "verify", file, "--root", caPin]).then(
    ({ stdout }) => ({ exit: 0, stdout }),
    (error: { code: number; stdout: string }) => ({ exit: error.code, stdout: error.stdout }),
  );
  return { exit: ran.exit, ...JSON.parse(ran.stdout.trim().split("\n").at(-1) ?? "{}") };
}

const since = () => ({ from: new Date(Date.now() - 3_600_000).toISOString(), to: new Date().toISOString() });
const certify = (id: ProductId, period = since()) =>
  administrator.certifyCompleteness({ params: { id }, body: period });

/** Sends and waits until the portal and the sender's own word agree on the total. */
async function send(agent: Awaited<ReturnType<PortalUnderTest["product"]>>, events: number, total = events) {
  for (let count = 0; count < events; count += 1) await agent.spool.append("threat-events", [makeThreatEvent()]);
  agent.link.sendNow();
  const id = agent.identity.product;
  await eventually(
    () => certify(id),
    (made) => made.sums.waiting === 0 && made.sums.received === total,
  );
}

test("what arrived over both transports is certified, true without the portal, and its making is audited", async () => {
  await using agent = await portal.product(administrator, customer);
  const id = agent.identity.product;
  agent.start();
  await send(agent, 3);
  await agent.switchTo("ssh");
  await send(agent, 5, 8);

  const made = await certify(id);
  const found = await verify(made.content);

  expect(made).toMatchObject({ caPin, sums: { sealed: 8, received: 8, lost: 0, waiting: 0 } });
  expect(found).toMatchObject({
    exit: 0,
    ok: true,
    kind: "completeness",
    signers: [{ role: "portal" }, { role: "product" }],
    subject: { customer: customer.id, product: id },
    records: 8,
    head: made.head,
    claims: { complete: true },
  });
  const audited = (await administrator.portalAudit({ query: {} })).rows.filter((row) => row.subject === id);
  expect(audited.map((row) => row.action)).toContain("product.completeness-certified");
  expect(audited.find((row) => row.action === "product.completeness-certified")?.detail).toMatchObject({
    head: expect.any(String),
  });
});

test("periods that follow each other join: the second goes on where the first ended", async () => {
  await using agent = await portal.product(administrator, customer);
  const id = agent.identity.product;
  agent.start();
  await send(agent, 2);
  const middle = new Date().toISOString();
  await send(agent, 4, 6);

  const first = await certify(id, { from: since().from, to: middle });
  const second = await certify(id, { from: middle, to: new Date(Date.now() + 86_400_000).toISOString() });
  const [one, other] = [await verify(first.content), await verify(second.content)];

  expect([first.sums.received, second.sums.received]).toEqual([2, 4]);
  expect([one.exit, other.exit]).toEqual([0, 0]);
  expect(new Date(String((other.subject as { to: string }).to)).getTime()).toBeLessThanOrEqual(Date.now());
});

test("a product of another customer is certified under its own customer alone, and figures are never taken over", async () => {
  const neighbour = await portal.addCustomer(administrator, "Neighbour");
  await using mine = await portal.product(administrator, customer);
  await using theirs = await portal.product(administrator, neighbour);
  for (const agent of [mine, theirs]) agent.start();
  await send(mine, 2);
  await send(theirs, 3);

  const [own, other] = [await certify(mine.identity.product), await certify(theirs.identity.product)];
  const mixed = [own.content.split("\n")[0], ...other.content.split("\n").slice(1)].join("\n");

  expect(await verify(other.content)).toMatchObject({ exit: 0, subject: { customer: neighbour.id }, records: 3 });
  expect(await verify(mixed)).toMatchObject({ exit: 1, ok: false });
});

test("an expert may have one, nobody may without a session, and a period must have a length", async () => {
  await using agent = await portal.product(administrator, customer);
  const params = { id: agent.identity.product };
  const expert = portal.api({ cookie: (await portal.expert(administrator, "expert.certify")).cookie });
  const reversed = { from: since().to, to: since().from };

  expect((await expert.certifyCompleteness({ params, body: since() })).sums.sealed).toBe(0);
  await expect(portal.api().certifyCompleteness({ params, body: since() })).rejects.toMatchObject({
    code: "session.required",
  });
  await expect(expert.certifyCompleteness({ params, body: reversed })).rejects.toMatchObject({
    code: "completeness.period_invalid",
  });
});

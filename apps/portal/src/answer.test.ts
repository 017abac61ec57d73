import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PatternCheck } from "@tms/contracts/portal";
import { parsePattern, planDigest } from "@tms/patterns";
import {
  type CaseId,
  type CustomerId,
  type EndpointId,
  newId,
  type PackageId,
  type PatternId,
  type Sha256,
  type ThreatId,
} from "@tms/records";
import { addTarget, roleExpiry, sha256Of, signRole } from "@tms/signing";
import { type FakeAgent, makeThreatEvent } from "@tms/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Api, type CustomerForTest, eventually, PortalUnderTest } from "./portal-under-test.contract.ts";

let portal: PortalUnderTest;
let administrator: Api;
let expert: Api;
let expertCookie: string;
let customer: CustomerForTest;
let product: FakeAgent;

beforeAll(async () => {
  portal = await PortalUnderTest.start();
  administrator = portal.api(await portal.setUp());
  customer = await portal.addCustomer(administrator, "Mill");
  const loggedOn = await portal.expert(administrator, "heron");
  expert = portal.api({ authorization: `Bearer ${loggedOn.token}` });
  expertCookie = loggedOn.cookie;
  product = await portal.product(administrator, customer);
  product.start();
});
afterAll(async () => {
  await product.close();
  await portal.close();
});

interface OpenCase {
  id: CaseId;
  endpoint: EndpointId;
  threatId: ThreatId;
}

async function openCase(): Promise<OpenCase> {
  const opened = { id: newId<CaseId>(), endpoint: newId<EndpointId>(), threatId: newId<ThreatId>() };
  await product.link.request.putCase(opened.id, bodyOf(opened));
  return opened;
}

function bodyOf(opened: OpenCase) {
  return {
    endpoint: opened.endpoint,
    host: "ws-0142",
    threats: [opened.threatId],
    events: [],
    note: "please look",
    openedBy: "operator",
    openedAt: "2026-11-24T09:00:00Z",
    state: "submitted" as const,
  };
}

async function upload(opened: OpenCase, bytes: Buffer): Promise<PackageId> {
  const file = join(await mkdtemp(join(tmpdir(), "tms-package-")), "package.age");
  await writeFile(file, bytes);
  const id = newId<PackageId>();
  const sha256 = sha256Of(bytes);
  const meta = { case: opened.id, package: id, endpoint: opened.endpoint, sha256, recipients: "age1a,age1b" };
  await product.link.request.uploadPackage({ file, meta });
  return id;
}

function draftFor(opened: OpenCase, owner: CustomerId, change: { endpoint?: EndpointId } = {}): Buffer {
  const manifest = {
    schema: "tms.pattern/1",
    id: `CP-${randomBytes(6).toString("hex")}` as PatternId,
    version: 1,
    title: "Marker cleanup",
    customer: owner,
    case: { id: opened.id, shortId: "C-1" },
    severity: "high",
    expires: "2030-01-01T00:00:00Z",
    endpoints: [change.endpoint ?? opened.endpoint],
    limits: { maxKills: 4, maxFiles: 4, maxBytes: 1_000_000, deadlineSeconds: 60 },
    rules: [
      {
        id: "marker",
        kind: "yara",
        title: "Marker file",
        severity: "high",
        severityReason: "made for a test",
        source: 'rule marker { strings: $a = "made-up-marker" condition: $a }',
      },
    ],
    cleanup: [{ step: "q1", verb: "file.quarantine", detection: "marker", target: { from: "detected-file" } }],
  };
  return Buffer.from(JSON.stringify(manifest));
}

function checkOf(bytes: Buffer, ok = true): PatternCheck {
  const manifest = parsePattern(bytes);
  return {
    schema: "tms.pattern-check/1",
    ok,
    id: manifest.id,
    version: manifest.version,
    digest: sha256Of(bytes),
    planDigest: planDigest(manifest),
    diagnostics: [],
    rules: { compiled: 1, slow: 0 },
    goodware: { files: 1000, hits: 0, setDigest: "" },
    backtest: { records: 0, endpoints: 0, skipped: "" },
    dryRun: [],
  };
}

/** What an expert's tool does: the role file so far, or a new one, with one more signature. */
async function roleFileSignedBy(id: PatternId, signer: number): Promise<string> {
  const signing = await expert.patternSigning({ params: { id, version: 1 } });
  const key = customer.experts[signer]?.key.privatePkcs8Pem ?? "";
  const inForce = signing.inForce.role === null ? null : Buffer.from(signing.inForce.role, "base64");
  const now = new Date();
  const unsigned =
    signing.proposed === null
      ? addTarget(
          inForce,
          { path: signing.target.path, bytes: Buffer.from(signing.target.bytes, "base64") },
          { signedAt: now, expires: roleExpiry(now) },
        )
      : Buffer.from(signing.proposed, "base64");
  return signRole(unsigned, key).toString("base64");
}

async function draft(opened: OpenCase): Promise<PatternId> {
  const bytes = draftFor(opened, customer.id);
  const row = await expert.draftPattern({
    params: { id: opened.id },
    body: { bytes: bytes.toString("base64"), check: checkOf(bytes) },
  });
  return row.id;
}

test("a case, its package, its pattern and the result of its deployment close the loop", async () => {
  const opened = await openCase();
  const again = await product.link.request.putCase(opened.id, bodyOf(opened));
  const bytes = randomBytes(100_000);
  const packageId = await upload(opened, bytes);
  const arrived = await expert.getCase({ params: { id: opened.id } });
  expect(again.state).toBe("submitted");
  expect(arrived).toMatchObject({ state: "new", turn: "you" });

  const path = `/api/v1/cases/${opened.id}/packages/${packageId}/content`;
  const download = await portal.raw(path, { method: "GET", headers: { cookie: expertCookie } });
  expect(createHash("sha256").update(download.body).digest("hex")).toBe(sha256Of(bytes));
  const taken = await expert.getCase({ params: { id: opened.id } });
  expect(taken.state).toBe("package-downloaded");
  expect(taken.packages[0]?.custody.map((entry) => entry.action)).toEqual([
    "upload-begun",
    "upload-finished",
    "verified",
    "downloaded",
  ]);

  const id = await draft(opened);
  const first = await expert.signPattern({
    params: { id, version: 1 },
    body: { roleFile: await roleFileSignedBy(id, 0) },
  });
  expect(first).toMatchObject({ state: "waits-for-second-signature", signaturesGiven: 1, signaturesNeeded: 2 });
  const second = await expert.signPattern({
    params: { id, version: 1 },
    body: { roleFile: await roleFileSignedBy(id, 1) },
  });
  expect(second.state).toBe("issued");

  await eventually(
    async () => product.directives.map((directive) => directive.kind),
    (kinds) => kinds.includes("look-for-patterns") && kinds.includes("case-changed"),
  );
  expect((await product.link.request.patternTarget(`custom-act/${id}.json`)).length).toBeGreaterThan(100);
  expect((await product.link.request.patternMetadata("2.custom-act.json"))?.length).toBeGreaterThan(100);
  expect(product.directives.map((directive) => directive.kind)).toContain("look-for-patterns");

  const base = makeThreatEvent({ endpoint: opened.endpoint }).body;
  const pattern = { kind: "custom" as const, id, version: 1 };
  const steps = [{ step: "q1", verb: "file.quarantine" as const, target: "/srv/x", outcome: "done" as const }];
  const told = (state: "downloaded-by-mitigator" | "succeeded") => ({ state, steps, undo: "possible" as const });
  await product.spool.append("threat-events", [
    makeThreatEvent({
      endpoint: opened.endpoint,
      kind: "deployment",
      body: { ...base, threatId: opened.threatId, pattern, deployment: told("downloaded-by-mitigator") },
    }),
    makeThreatEvent({
      endpoint: opened.endpoint,
      kind: "cleanup",
      body: {
        ...base,
        threatId: opened.threatId,
        pattern,
        status: "all-threats-resolved",
        deployment: told("succeeded"),
      },
    }),
  ]);
  const closed = await eventually(
    () => expert.getCase({ params: { id: opened.id } }),
    (one) => one.state === "closed",
  );
  const detail = await expert.getPattern({ params: { id, version: 1 } });

  expect(closed.state).toBe("closed");
  expect(detail.deployments[0]).toMatchObject({ state: "succeeded", undo: "possible" });
  expect(detail.deployments[0]?.downloadedByMitigatorAt).not.toBeNull();
  expect(detail.deployments[0]?.appliedOnEndpointAt).not.toBeNull();
  const views = await product.link.request.listCases(0);
  expect(views.find((view) => view.id === opened.id)).toMatchObject({ state: "closed", pattern: { id, version: 1 } });
});

test("what another product of the same customer tells of this one's endpoint changes no deployment and no case", async () => {
  const opened = await openCase();
  const id = await draft(opened);
  for (const signer of [0, 1]) {
    const roleFile = await roleFileSignedBy(id, signer);
    await expert.signPattern({ params: { id, version: 1 }, body: { roleFile } });
  }
  await eventually(
    () => expert.getCase({ params: { id: opened.id } }),
    (one) => one.state === "deploying",
  );
  await using other = await portal.product(administrator, customer);
  const base = makeThreatEvent({ endpoint: opened.endpoint }).body;
  const lie = makeThreatEvent({
    endpoint: opened.endpoint,
    kind: "cleanup",
    body: {
      ...base,
      host: "liar",
      threatId: opened.threatId,
      pattern: { kind: "custom", id, version: 1 },
      status: "all-threats-resolved",
      deployment: { state: "succeeded", steps: [], undo: "none" },
    },
  });

  other.start();
  await other.spool.append("threat-events", [lie]);
  const incidents = await eventually(
    () => administrator.listIncidents({ query: { customer: customer.id } }),
    ({ rows }) => rows.some(({ endpoints }) => endpoints[0]?.host === "liar"),
  );

  const detail = await expert.getPattern({ params: { id, version: 1 } });
  expect(detail.deployments).toMatchObject([{ state: "mitigator-notified", appliedOnEndpointAt: null }]);
  expect((await expert.getCase({ params: { id: opened.id } })).state).toBe("deploying");
  expect(incidents.rows.filter(({ endpoints }) => endpoints[0]?.host === "liar")).toMatchObject([{ events: 1 }]);
});

test("a case id that says something else is refused", async () => {
  const opened = await openCase();

  const other = product.link.request.putCase(opened.id, { ...bodyOf(opened), note: "another question" });

  await expect(other).rejects.toMatchObject({ code: "case.differs" });
});

test("a package that is not the announced one is refused and the case says so", async () => {
  const opened = await openCase();
  const file = join(await mkdtemp(join(tmpdir(), "tms-package-")), "package.age");
  await writeFile(file, randomBytes(1000));
  const sha256 = "0".repeat(64) as Sha256;
  const meta = { case: opened.id, package: newId<PackageId>(), endpoint: opened.endpoint, sha256, recipients: "age1a" };

  const sent = product.link.request.uploadPackage({ file, meta });

  await expect(sent).rejects.toMatchObject({ code: "package.hash_mismatch" });
  expect((await expert.getCase({ params: { id: opened.id } })).state).toBe("package-failed");
});

test("a draft for another endpoint or another customer is refused", async () => {
  const opened = await openCase();
  const elsewhere = draftFor(opened, customer.id, { endpoint: newId<EndpointId>() });
  const foreign = draftFor(opened, newId<CustomerId>());
  const send = (bytes: Buffer) =>
    expert.draftPattern({
      params: { id: opened.id },
      body: { bytes: bytes.toString("base64"), check: checkOf(bytes) },
    });

  await expect(send(elsewhere)).rejects.toMatchObject({ code: "pattern.endpoint_differs" });
  await expect(send(foreign)).rejects.toMatchObject({ code: "pattern.customer_differs" });
});

test("one key twice, a foreign key and a second open version are refused", async () => {
  const [one, other] = [await openCase(), await openCase()];
  const [id, otherId] = [await draft(one), await draft(other)];
  const sign = async (pattern: PatternId, roleFile: string) =>
    expert.signPattern({ params: { id: pattern, version: 1 }, body: { roleFile } });
  const otherFile = await roleFileSignedBy(otherId, 0);
  await sign(id, await roleFileSignedBy(id, 0));

  await expect(sign(id, await roleFileSignedBy(id, 0))).rejects.toMatchObject({ code: "pattern.key_repeated" });
  await expect(sign(otherId, otherFile)).rejects.toMatchObject({ code: "pattern.version_open" });
  const stranger = await import("@tms/signing").then((signing) => signing.makeEd25519());
  const signing = await expert.patternSigning({ params: { id, version: 1 } });
  const foreign = signRole(Buffer.from(signing.proposed ?? "", "base64"), stranger.privatePkcs8Pem);
  await expect(sign(id, foreign.toString("base64"))).rejects.toMatchObject({ code: "pattern.key_foreign" });
  await sign(id, await roleFileSignedBy(id, 1));
});

test("an administrator may not draft or sign", async () => {
  const opened = await openCase();
  const bytes = draftFor(opened, customer.id);

  const drafted = administrator.draftPattern({
    params: { id: opened.id },
    body: { bytes: bytes.toString("base64"), check: checkOf(bytes) },
  });

  await expect(drafted).rejects.toMatchObject({ code: "session.forbidden" });
});

test("another customer's product reaches neither the case nor the patterns nor the package of this one", async () => {
  const opened = await openCase();
  const neighbour = await portal.addCustomer(administrator, "Neighbour");
  await using stranger = await portal.product(administrator, neighbour);
  const file = join(await mkdtemp(join(tmpdir(), "tms-package-")), "package.age");
  await writeFile(file, "bytes");
  const sha256 = sha256Of(Buffer.from("bytes"));
  const meta = { case: opened.id, package: newId<PackageId>(), endpoint: opened.endpoint, sha256, recipients: "age1a" };

  await expect(stranger.link.request.uploadPackage({ file, meta })).rejects.toMatchObject({ code: "case.unknown" });
  expect(await stranger.link.request.listCases(0)).toEqual([]);
  expect((await product.link.request.listCases(0)).length).toBeGreaterThan(0);
  const own = await stranger.link.request.patternMetadata("1.root.json");
  const theirs = await product.link.request.patternMetadata("1.root.json");
  expect(own?.equals(theirs ?? Buffer.alloc(0))).toBe(false);
});

test("an expired customer's logs are taken, its patterns and reports are refused", async () => {
  const expired = await portal.addCustomer(administrator, "Expired");
  await using late = await portal.product(administrator, expired);
  await late.spool.append("threat-events", [makeThreatEvent()]);
  await administrator.changeCustomer({ params: { id: expired.id }, body: { validUntil: "2020-01-01T00:00:00Z" } });

  late.start();
  const view = await eventually(
    () => administrator.getProduct({ params: { id: late.identity.product } }),
    (one) => one.records.received === 1,
  );
  const incidents = await eventually(
    () => administrator.listIncidents({ query: { customer: expired.id } }),
    (page) => page.rows.length === 1,
  );
  const report = await portal.raw(`/api/v1/incidents/${incidents.rows[0]?.id}/report.html`, {
    method: "GET",
    headers: { cookie: expertCookie },
  });

  expect(view.records.received).toBe(1);
  await expect(late.link.request.patternMetadata("1.root.json")).rejects.toMatchObject({
    code: "link.customer_expired",
  });
  expect(JSON.parse(report.body.toString("utf8"))).toMatchObject({ code: "link.customer_expired" });
});

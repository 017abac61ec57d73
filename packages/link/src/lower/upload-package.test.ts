import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FORENSICS_PATH, type PackageMetadata } from "@tms/contracts/link";
import { type CaseId, type EndpointId, newId, type PackageId, type Sha256 } from "@tms/records";
import { ChaosProxy, FakeAgent, FakePortal } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import { callLink } from "./link-http.ts";
import { createTlsAgent } from "./tls-client.ts";
import { uploadPackage } from "./upload-package.ts";

async function packageFile(bytes: Buffer): Promise<{ file: string; meta: PackageMetadata }> {
  const directory = await mkdtemp(join(tmpdir(), "tms-package-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, "package.age");
  await writeFile(file, bytes);
  return {
    file,
    meta: {
      case: newId<CaseId>(),
      package: newId<PackageId>(),
      endpoint: newId<EndpointId>(),
      sha256: createHash("sha256").update(bytes).digest("hex") as Sha256,
      recipients: "age1expert",
    },
  };
}

async function uploader(portal: FakePortal) {
  const agent = await FakeAgent.create({ portal });
  const http = createTlsAgent({
    caPem: agent.identity.caPem,
    certificatePem: agent.identity.certificatePem,
    privateKeyPem: agent.keys.tlsPrivatePem,
  });
  return {
    http,
    agent,
    baseUrl: `https://127.0.0.1:${portal.ports.status}`,
    async [Symbol.asyncDispose]() {
      await http.destroy();
      await agent.close();
    },
  };
}

test("a package arrives whole, and its announcement comes first", async () => {
  await using portal = await FakePortal.start();
  await using by = await uploader(portal);
  const bytes = randomBytes(300_000);
  const { file, meta } = await packageFile(bytes);
  const progress: number[] = [];

  await by.agent.link.request.uploadPackage({ file, meta, onProgress: (sent) => progress.push(sent) });

  expect(portal.packages.map((one) => one.meta)).toEqual([meta]);
  expect(await readFile(portal.packages[0]?.file ?? "")).toEqual(bytes);
  expect(portal.custody).toEqual([`announced ${meta.package}`]);
  expect(progress).toEqual([300_000]);
});

test("a cut line resumes where it was, and nothing is announced twice", async () => {
  await using portal = await FakePortal.start();
  await using by = await uploader(portal);
  await using proxy = await ChaosProxy.start({ host: portal.host, port: portal.ports.status });
  const bytes = randomBytes(3_000_000);
  const { file, meta } = await packageFile(bytes);
  proxy.chaos = { cutAfterBytes: 1_200_000, reset: true };

  await uploadPackage(by.http, { baseUrl: `https://127.0.0.1:${proxy.port}`, file, meta });

  expect(await readFile(portal.packages[0]?.file ?? "")).toEqual(bytes);
  expect(portal.custody.filter((line) => line.startsWith("announced"))).toHaveLength(1);
  expect(portal.custody.some((line) => line.startsWith("resumed"))).toBe(true);
  expect(proxy.connections).toBeGreaterThan(1);
});

test("a portal killed in the middle goes on with the same upload", async () => {
  await using portal = await FakePortal.start();
  await using by = await uploader(portal);
  await using proxy = await ChaosProxy.start({ host: portal.host, port: portal.ports.status });
  const bytes = randomBytes(1_000_000);
  const { file, meta } = await packageFile(bytes);
  proxy.chaos = { cutAfterBytes: 500_000, reset: true };
  const baseUrl = `https://127.0.0.1:${proxy.port}`;
  const stop = new AbortController();
  const first = uploadPackage(by.http, { baseUrl, file, meta, signal: stop.signal });
  await portal.until(() => portal.custody.length > 0 || proxy.connections > 1);
  stop.abort();
  await first.catch(() => undefined);

  await portal.hangUp();
  await portal.listen();
  proxy.chaos = {};
  await uploadPackage(by.http, { baseUrl, file, meta });

  expect(await readFile(portal.packages[0]?.file ?? "")).toEqual(bytes);
  expect(portal.packages).toHaveLength(1);
});

test("a package that is not the announced one is refused and not kept", async () => {
  await using portal = await FakePortal.start();
  await using by = await uploader(portal);
  const { file, meta } = await packageFile(randomBytes(1000));

  const uploading = by.agent.link.request.uploadPackage({ file, meta: { ...meta, sha256: "0".repeat(64) as Sha256 } });

  await expect(uploading).rejects.toMatchObject({ code: "package.hash_mismatch" });
  expect(portal.packages).toEqual([]);
  expect(portal.custody.at(-1)).toBe(`failed ${meta.package} package.hash_mismatch`);
});

test("another product's upload does not exist, and metadata is no path", async () => {
  await using portal = await FakePortal.start();
  await using by = await uploader(portal);
  await using other = await uploader(portal);
  const { meta } = await packageFile(randomBytes(10));
  const encode = (values: Record<string, string>) =>
    Object.entries(values)
      .map(([key, value]) => `${key} ${Buffer.from(value).toString("base64")}`)
      .join(",");
  const create = (values: Record<string, string>) =>
    callLink(by.http, {
      method: "POST",
      url: by.baseUrl + FORENSICS_PATH,
      headers: { "tus-resumable": "1.0.0", "upload-length": "10", "upload-metadata": encode(values) },
      timeoutMs: 10_000,
    });
  const head = (http: typeof by.http, path: string) =>
    callLink(http, {
      method: "HEAD",
      url: by.baseUrl + path,
      headers: { "tus-resumable": "1.0.0" },
      timeoutMs: 10_000,
    });

  const made = await create({ ...meta });
  const location = String(made.headers.location);
  const own = await head(by.http, location);
  const foreign = await head(other.http, location);
  const traversal = await create({ ...meta, package: "../../etc/passwd" });
  const missing = await create({});
  const path = await head(by.http, `${FORENSICS_PATH}/..%2f..%2fca%2fca-key.pem`);

  expect([made.status, own.status, foreign.status]).toEqual([201, 200, 404]);
  expect([traversal.status, missing.status, path.status]).toEqual([400, 400, 404]);
  expect(portal.custody).toEqual([`announced ${meta.package}`]);
});

test("a portal with little disk space takes no package for now, and the same one once there is room", async () => {
  await using portal = await FakePortal.start();
  await using by = await uploader(portal);
  const { file, meta } = await packageFile(randomBytes(10_000));
  portal.disk.freeShare = 0.045;

  const uploading = uploadPackage(by.http, { baseUrl: by.baseUrl, file, meta });
  await expect.poll(() => portal.disk.refused).toContain("forensics");
  const before = [...portal.custody];
  portal.disk.freeShare = 1;
  await uploading;

  expect(before).toEqual([]);
  expect(portal.packages.map((one) => one.meta)).toEqual([meta]);
});

test("a pause of an hour is not waited for here: the caller is told at once, and begins again later", async () => {
  await using portal = await FakePortal.start();
  await using by = await uploader(portal);
  const { file, meta } = await packageFile(randomBytes(10_000));
  Object.assign(portal.disk, { freeShare: 0.045, retryAfterSeconds: 3600 });

  const told = uploadPackage(by.http, { baseUrl: by.baseUrl, file, meta });
  await expect(told).rejects.toMatchObject({ code: "store.disk_low", details: { retryAfterSeconds: 3600 } });
  const tries = portal.disk.refused.length;
  portal.disk.freeShare = 1;
  await uploadPackage(by.http, { baseUrl: by.baseUrl, file, meta });

  expect(tries).toBe(1);
  expect(portal.packages.map((one) => one.meta)).toEqual([meta]);
});

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CaseId, type EndpointId, newId, type PackageId } from "@tms/records";
import { createTestDatabase, TestClock } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import { type CaseTables, createCaseStore } from "./case-store.ts";
import { AT, announcedFor, caseOf, codeOf, sha } from "./case-under-test.contract.ts";
import { createPackageShelf } from "./package-shelf.ts";
import { createReceivePackage } from "./receive-package.ts";

const MIGRATIONS = [fileURLToPath(new URL("../../migrations", import.meta.url))];

/** One case that waits for its package, and an upload of it. */
async function arrange() {
  const database = await createTestDatabase<CaseTables>({ migrations: MIGRATIONS });
  const directory = await mkdtemp(join(tmpdir(), "tms-receive-"));
  onTestFinished(async () => {
    await database.drop();
    await rm(directory, { recursive: true, force: true });
  });
  const store = createCaseStore(database.databases.app);
  const one = caseOf({ state: "collecting" });
  await store.insert(one);
  const shelf = createPackageShelf(join(directory, "shelf"));
  const received: string[] = [];
  const receive = createReceivePackage({
    cases: store,
    shelf,
    onReceived: () => void received.push("received"),
    clock: new TestClock(AT),
  });
  const upload = async (text: string) => {
    const file = join(directory, `upload-${text}`);
    await writeFile(file, text);
    return file;
  };
  const arrive = async () => {
    await receive.announced(one.endpoint, announcedFor(one), 5);
    await receive.finished(one.endpoint, announcedFor(one), await upload("first"));
  };
  const now = async () => store.get(one.id);
  return { store, one, receive, received, upload, arrive, now };
}

test("a package is kept under its own id and waits to be forwarded", async () => {
  const { arrive, now, one, received } = await arrange();

  await arrive();

  const found = await now();
  expect(found).toMatchObject({
    state: "package-uploading",
    package: { sha256: sha("a"), sizeBytes: 5, receivedAt: AT },
  });
  expect(found?.package.file?.endsWith(`/shelf/${one.package.id}.age`)).toBe(true);
  expect(await readFile(found?.package.file ?? "", "utf8")).toBe("first");
  expect(received).toEqual(["received"]);
});

interface Theft {
  from?: EndpointId | null;
  endpoint?: EndpointId;
  case?: CaseId;
  package?: PackageId;
}

test.each<[string, Theft]>([
  ["another agent's identity", { from: newId<EndpointId>() }],
  ["no endpoint at all", { from: null }],
  ["another agent named in it", { endpoint: newId<EndpointId>() }],
  ["a case that did not ask", { case: newId<CaseId>() }],
  ["a package that nobody asked for", { package: newId<PackageId>() }],
])("refuses a package with %s, at each step, and keeps nothing", async (_, { from, ...change }) => {
  const { one, receive, upload, now, received } = await arrange();
  const announced = announcedFor(one, change);
  const peer = from === undefined ? one.endpoint : from;
  const file = await upload("stolen");

  const codes = [
    await codeOf(receive.announced(peer, announced, 5)),
    await codeOf(receive.finished(peer, announced, file)),
    await codeOf(receive.failed(peer, announced, "package.hash_mismatch")),
  ];

  expect(codes).toEqual(["case.unknown", "case.unknown", "case.unknown"]);
  expect(await now()).toEqual(one);
  expect(received).toEqual([]);
});

test("refuses a package for a closed case", async () => {
  const { store, one, receive } = await arrange();
  await store.setState(one.id, "withdrawn", AT);

  expect(await codeOf(receive.announced(one.endpoint, announcedFor(one), 5))).toBe("case.unknown");
});

test("refuses a package over the bound before a byte of it", async () => {
  const { one, receive, now } = await arrange();

  const code = await codeOf(receive.announced(one.endpoint, announcedFor(one), 300 * 1024 * 1024));

  expect(code).toBe("package.too_large");
  expect(await now()).toEqual(one);
});

test("does not keep bytes under the hash of another announcement", async () => {
  const { one, receive, upload, now } = await arrange();
  await receive.announced(one.endpoint, announcedFor(one), 5);
  await receive.announced(one.endpoint, announcedFor(one, { sha256: sha("b") }), 6);

  const code = await codeOf(receive.finished(one.endpoint, announcedFor(one), await upload("first")));

  expect(code).toBe("case.differs");
  expect((await now())?.package).toMatchObject({ sha256: sha("b"), receivedAt: null });
});

test("once a package arrived, its agent moves the case no more: not by a repeat, another package or a failure", async () => {
  const { store, one, receive, upload, arrive, now, received } = await arrange();
  await arrive();
  await store.setState(one.id, "in-analysis", AT);
  const before = await now();

  const codes = [
    await codeOf(receive.announced(one.endpoint, announcedFor(one), 5)),
    await codeOf(receive.finished(one.endpoint, announcedFor(one), await upload("first"))),
    await codeOf(receive.announced(one.endpoint, announcedFor(one, { sha256: sha("b") }), 5)),
    await codeOf(receive.failed(one.endpoint, announcedFor(one), "package.hash_mismatch")),
  ];

  expect(codes).toEqual(["no error", "no error", "case.differs", "no error"]);
  expect(await now()).toEqual(before);
  expect(received).toEqual(["received"]);
});

test("an upload that fails before it arrived fails the case, and the next one may still arrive", async () => {
  const { one, receive, arrive, now } = await arrange();
  await receive.failed(one.endpoint, announcedFor(one), "package.hash_mismatch");
  const failed = (await now())?.state;

  await arrive();

  expect([failed, (await now())?.state]).toEqual(["package-failed", "package-uploading"]);
});

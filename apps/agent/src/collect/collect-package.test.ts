import { createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync } from "node:fs";
import { rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { readTar } from "@tms/link";
import {
  AppError,
  type CaseId,
  type CustomerId,
  type EndpointId,
  newId,
  type PackageId,
  systemClock,
  type ThreatEventRecord,
} from "@tms/records";
import { makeEd25519, verifyBytes } from "@tms/signing";
import { Decrypter, generateIdentity, identityToRecipient } from "age-encryption";
import { expect, onTestFinished, test } from "vitest";
import { openAgentState } from "#app/assess/index.ts";
import { makeThreat } from "#app/assess/threat-for-tests.contract.ts";
import { createWatchedPaths } from "#app/telemetry/index.ts";
import { type CollectOrder, createPackageCollector, type PackageUpload } from "./collect-package.ts";
import type { PackageManifest } from "./package-wire.ts";

const PAYLOAD = Buffer.from("bytes with a made-up marker\0\n");

async function world(change: { upload?: (upload: PackageUpload) => Promise<void>; tell?: () => Promise<void> } = {}) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tms-collect-")));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const [sandbox, data, outside] = ["sandbox", "data", "outside"].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [join(sandbox, "sub"), data, join(outside, "sub")]) mkdirSync(folder, { recursive: true });
  const path = join(sandbox, "sub", "payload");
  await writeFile(path, PAYLOAD);
  const state = openAgentState(join(data, "state.db"));
  onTestFinished(() => state.close());
  const threat = state.meet(makeThreat({ path: Buffer.from(path), sizeBytes: PAYLOAD.length }), () => true);
  const identity = await generateIdentity();
  const recipient = await identityToRecipient(identity);
  const keys = makeEd25519();
  const told: ThreatEventRecord[] = [];
  const sent: { upload: PackageUpload; bytes: Buffer }[] = [];
  const upload =
    change.upload ??
    (async (one: PackageUpload) => {
      sent.push({ upload: one, bytes: readFileSync(one.file) });
    });
  const collect = createPackageCollector({
    directory: join(data, "packages"),
    patterns: { recipients: async () => [recipient] } as never,
    state,
    sink: {
      async threatEvents(records) {
        await change.tell?.();
        told.push(...records);
      },
      rootCause: async () => undefined,
    },
    sources: {
      watched: createWatchedPaths([sandbox], [data]),
      crontabs: [],
      processes: () => [],
      chainOf: () => ({ nodes: [], edges: [], rootCause: null, rootCauseReason: "", path: [] }) as never,
    },
    recoveryRecipient: null,
    signingPrivatePem: keys.privatePkcs8Pem,
    upload,
    isPassing: (error) => error instanceof AppError && error.code === "link.unreachable",
    customer: newId<CustomerId>(),
    endpoint: newId<EndpointId>(),
    host: "ws-1",
    version: "1.0.0",
    clock: systemClock,
  });
  const order: CollectOrder = {
    directive: newId<string>(),
    case: newId<CaseId>(),
    package: newId<PackageId>(),
    threats: [threat.threatId],
    maxBytes: 1_000_000,
  };
  const open = async (bytes: Buffer) => {
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    return unpacked(Buffer.from(await decrypter.decrypt(bytes)));
  };
  return { sandbox, outside, data, collect, order, told, sent, open, keys };
}

async function unpacked(tar: Buffer): Promise<{ manifest: PackageManifest; files: Map<string, Buffer> }> {
  const files = new Map<string, Buffer>();
  const limits = { maxEntries: 100, maxEntryBytes: 1_000_000, maxTotalBytes: 10_000_000 };
  for await (const entry of readTar(Readable.from([tar]), limits)) files.set(entry.name, await buffer(entry.content));
  return { files, manifest: JSON.parse(String(files.get("manifest.json"))) as PackageManifest };
}

test("a package holds the threat's file bit by bit, and a manifest that this agent signed", async () => {
  const { collect, order, sent, open, keys } = await world();

  await collect(order);

  const { manifest, files } = await open(sent[0]?.bytes ?? Buffer.alloc(0));
  const item = manifest.items.find(({ kind }) => kind === "file");
  expect(item).toMatchObject({ got: "whole", sizeBytes: PAYLOAD.length });
  expect(files.get(item?.name ?? "")).toEqual(PAYLOAD);
  const signature = Buffer.from(String(files.get("manifest.sig")), "base64");
  expect(verifyBytes(keys.publicSpki, files.get("manifest.json") ?? Buffer.alloc(0), signature)).toBe(true);
});

test("a folder that became a link to a place outside brings nothing of that place into the package", async () => {
  const { collect, order, sent, open, sandbox, outside } = await world();
  await writeFile(join(outside, "sub", "payload"), "a secret of somebody else");
  renameSync(join(sandbox, "sub"), join(sandbox, "kept"));
  await symlink(join(outside, "sub"), join(sandbox, "sub"));

  await collect(order);

  const { manifest, files } = await open(sent[0]?.bytes ?? Buffer.alloc(0));
  expect(manifest.items.find(({ kind }) => kind === "file")).toMatchObject({
    got: "nothing",
    why: "A folder above it leads outside of what this agent may read.",
  });
  expect([...files.values()].some((bytes) => bytes.includes("a secret of somebody else"))).toBe(false);
});

test("an order that comes again after the package arrived sends no second one", async () => {
  const { collect, order, sent, told, data } = await world();
  await collect(order);
  const packages = join(data, "packages");
  const before = { told: told.length, note: readFileSync(join(packages, `${order.package}.age.json`), "utf8") };

  await collect(order);

  expect(sent).toHaveLength(1);
  expect(JSON.parse(before.note)).toMatchObject({ sentBytes: sent[0]?.bytes.length });
  // The same records once more, by their ids: whoever has them knows them.
  expect(new Set(told.map(({ id }) => id)).size).toBe(before.told);
});

test("an agent that fell after its package arrived and before it told so sends the same bytes and tells it once", async () => {
  let falls = 1;
  const { collect, order, sent, told } = await world({
    tell: async () => {
      if (falls-- > 0) throw new AppError("spool.full", {});
    },
  });
  await expect(collect(order)).rejects.toMatchObject({ code: "spool.full" });

  await collect(order);

  expect(sent.map(({ bytes }) => bytes)).toEqual([sent[0]?.bytes, sent[0]?.bytes]);
  expect(told.map(({ body }) => body.status)).toEqual(["unresolved-threats-remain"]);
});

test("a package that could not be sent for now is sent again with the same bytes, and nothing is told as failed", async () => {
  const tries: Buffer[] = [];
  const { collect, order, told } = await world({
    async upload({ file }) {
      tries.push(await buffer(createReadStream(file)));
      if (tries.length === 1) throw new AppError("link.unreachable", {});
    },
  });
  await expect(collect(order)).rejects.toMatchObject({ code: "link.unreachable" });
  const toldMeanwhile = told.length;

  await collect(order);

  expect(toldMeanwhile).toBe(0);
  expect(tries[1]).toEqual(tries[0]);
  expect(told.map(({ body }) => body.status)).toEqual(["unresolved-threats-remain"]);
});

test("a package that can never arrive is told as failed, and nothing plain stays on the disk", async () => {
  const { collect, order, told, data } = await world({
    upload: () => Promise.reject(new AppError("package.too_large", {})),
  });

  await expect(collect(order)).rejects.toMatchObject({ code: "package.too_large" });

  expect(told.map(({ body }) => body.status)).toEqual(["forensic-upload-failed"]);
  const sealed = join(data, "packages", `${order.package}.age`);
  expect(existsSync(sealed) && readFileSync(sealed).includes(PAYLOAD)).toBe(false);
});

import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { constants, zstdCompressSync } from "node:zlib";
import { LOGS_PATH } from "@tms/contracts/link";
import { type Epoch, newId, type Sha256 } from "@tms/records";
import { FakeAgent, FakePortal, makeThreatEvent } from "@tms/testkit";
import { describe, expect, test } from "vitest";
import { type BatchPlace, sealBatch, sha256Of } from "../batch/seal-batch.ts";
import { readBatchAnswer } from "../lower/batch-transport.ts";
import { callLink, problemFrom } from "../lower/link-http.ts";
import { createTlsAgent, type TlsTrust } from "../lower/tls-client.ts";

const STREAM = "threat-events" as const;
const CHECKSUM = { [constants.ZSTD_c_checksumFlag]: 1 };

/** A registered product that speaks by hand, its first epoch announced. */
async function attacker(portal: FakePortal) {
  const agent = await FakeAgent.create({ portal });
  const trust: TlsTrust = {
    caPem: agent.identity.caPem,
    certificatePem: agent.identity.certificatePem,
    privateKeyPem: agent.keys.tlsPrivatePem,
  };
  const epoch = newId<Epoch>();
  portal.store.announce(agent.identity.product, STREAM, epoch);
  const place: BatchPlace = { stream: STREAM, epoch, first: 0, previous: null };
  const { product } = agent.identity;
  return {
    agent,
    product,
    place,
    post: (bytes: Buffer, how: { stated?: Sha256 | null; trust?: TlsTrust; stream?: string } = {}) =>
      post(portal, { bytes, trust, ...how }),
    stored: async () => ({
      batches: portal.store.batches(product, STREAM).length,
      files: (await filesBelow(join(portal.directory, "blobs"))).length,
    }),
    [Symbol.asyncDispose]: () => agent.close(),
  };
}

async function post(
  portal: FakePortal,
  sent: { bytes: Buffer; trust: TlsTrust; stated?: Sha256 | null; stream?: string },
) {
  const http = createTlsAgent(sent.trust);
  const stated = sent.stated === undefined ? sha256Of(sent.bytes) : sent.stated;
  try {
    const answer = await callLink(http, {
      method: "POST",
      url: `https://127.0.0.1:${portal.ports.ssl}${LOGS_PATH}/${sent.stream ?? STREAM}`,
      headers: {
        "content-type": "application/vnd.tms.batch",
        ...(stated === null ? {} : { "repr-digest": `sha-256=:${Buffer.from(stated, "hex").toString("base64")}:` }),
      },
      body: sent.bytes,
      timeoutMs: 20_000,
    });
    const isProblem = String(answer.headers["content-type"]).includes("problem+json");
    if (isProblem) return { status: answer.status, code: problemFrom(answer).code, outcome: null, position: null };
    const { outcome, code, position } = readBatchAnswer(answer.bytes.toString("utf8"));
    return { status: answer.status, code, outcome, position };
  } finally {
    await http.destroy();
  }
}

async function filesBelow(directory: string): Promise<string[]> {
  // Nothing was ever written if the folder does not exist.
  if (!existsSync(directory)) return [];
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

function lines(count: number): string[] {
  return Array.from({ length: count }, () => JSON.stringify(makeThreatEvent()));
}

describe("what the log server refuses stores nothing and moves nothing", () => {
  test.each<[string, (place: BatchPlace) => { bytes: Buffer; stated?: Sha256 | null }, string, string]>([
    [
      "a lying digest",
      (place) => ({ bytes: sealBatch(place, lines(2)).bytes, stated: sha256Of(Buffer.from("x")) }),
      "damaged",
      "batch.damaged",
    ],
    ["no digest", (place) => ({ bytes: sealBatch(place, lines(2)).bytes, stated: null }), "damaged", "batch.damaged"],
    [
      "a cut batch",
      (place) => {
        const { bytes, digest } = sealBatch(place, lines(2));
        return { bytes: bytes.subarray(0, bytes.length - 5), stated: digest };
      },
      "damaged",
      "batch.damaged",
    ],
    ["an oversized body", () => ({ bytes: Buffer.alloc(17_000_000, 0x20) }), "rejected", "batch.rejected"],
    [
      "an oversized frame",
      (place) => {
        const head = Buffer.from(`${JSON.stringify({ v: 1, ...place, count: 1, plainBytes: 1000 })}\n`);
        return { bytes: Buffer.concat([head, Buffer.alloc(17_000_000)]) };
      },
      "rejected",
      "batch.too_large",
    ],
    [
      "an unknown batch version",
      (place) => {
        const { bytes } = sealBatch(place, lines(1));
        return { bytes: Buffer.from(bytes.toString("latin1").replace('"v":1', '"v":9'), "latin1") };
      },
      "rejected",
      "batch.rejected",
    ],
    [
      "a batch of another stream",
      (place) => ({ bytes: sealBatch({ ...place, stream: "audit" }, ["{}"]).bytes }),
      "rejected",
      "batch.rejected",
    ],
    [
      "an epoch nobody announced",
      (place) => ({ bytes: sealBatch({ ...place, epoch: newId<Epoch>() }, lines(1)).bytes }),
      "epoch-unknown",
      "batch.epoch_unknown",
    ],
    ["a skipped batch", (place) => ({ bytes: sealBatch({ ...place, first: 5 }, lines(1)).bytes }), "gap", "batch.gap"],
    [
      "a predecessor that never was",
      (place) => ({ bytes: sealBatch({ ...place, previous: sha256Of(Buffer.from("y")) }, lines(1)).bytes }),
      "fork",
      "batch.fork",
    ],
  ])("%s", async (_name, make, outcome, code) => {
    await using portal = await FakePortal.start();
    await using by = await attacker(portal);

    const { bytes, stated } = make(by.place);
    const answer = await by.post(bytes, stated === undefined ? {} : { stated });

    expect(answer).toMatchObject({ outcome, code });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(await by.stored()).toEqual({ batches: 0, files: 0 });
    expect(portal.store.position(by.product, STREAM)).toBe(null);
  });
});

test("a repeated batch is a duplicate, a forked one is refused, and the first stays", async () => {
  await using portal = await FakePortal.start();
  await using by = await attacker(portal);
  const batch = sealBatch(by.place, lines(2));
  const other = sealBatch(by.place, lines(2));

  const outcomes = [];
  for (const bytes of [batch.bytes, batch.bytes, other.bytes]) outcomes.push((await by.post(bytes)).outcome);

  expect(outcomes).toEqual(["accepted", "duplicate", "fork"]);
  expect(await by.stored()).toEqual({ batches: 1, files: 1 });
  expect(portal.store.position(by.product, STREAM)).toMatchObject({ next: 2, head: batch.digest });
});

describe("an unreadable batch is accepted, kept aside and counted", () => {
  const frame = zstdCompressSync("{}\n{}\n", { params: CHECKSUM });
  test.each<[string, Buffer, { plainBytes: number; count: number }]>([
    [
      "a zstd bomb",
      zstdCompressSync(Buffer.alloc(200 * 1024 * 1024), { params: CHECKSUM }),
      { plainBytes: 6, count: 2 },
    ],
    ["a second frame", Buffer.concat([frame, frame]), { plainBytes: 6, count: 2 }],
    ["trailing bytes", Buffer.concat([frame, Buffer.from("tail")]), { plainBytes: 6, count: 2 }],
    ["a lying count", frame, { plainBytes: 6, count: 7 }],
    ["a lying length", frame, { plainBytes: 5, count: 2 }],
  ])("%s", async (_name, body, says) => {
    await using portal = await FakePortal.start();
    await using by = await attacker(portal);
    const header = { v: 1, ...by.place, ...says };
    const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body]);

    const answer = await by.post(bytes);
    const [stored] = portal.store.batches(by.product, STREAM);
    const next = await by.post(
      sealBatch({ ...by.place, first: header.count, previous: sha256Of(bytes) }, lines(1)).bytes,
    );

    expect(answer.outcome).toBe("accepted");
    expect(stored).toMatchObject({ readable: false, digest: sha256Of(bytes) });
    expect(next.outcome).toBe("accepted");
  });
});

test("a malformed record in a good batch stops nothing and is told apart", async () => {
  await using portal = await FakePortal.start();
  await using by = await attacker(portal);
  const [good = "", other = ""] = lines(2);

  const answer = await by.post(sealBatch(by.place, [good, "not json", '{"id":"x"}', other]).bytes);

  expect(answer.outcome).toBe("accepted");
  expect((await portal.records(by.product, STREAM)).map((record) => JSON.stringify(record))).toEqual([good, other]);
});

describe("who may not speak is told why", () => {
  test("without a certificate, with a foreign key, revoked, expired", async () => {
    await using portal = await FakePortal.start();
    await using by = await attacker(portal);
    await using stranger = await FakePortal.start();
    await using foreign = await attacker(stranger);
    const bytes = sealBatch(by.place, lines(1)).bytes;
    const foreignTrust = {
      caPem: portal.authority.caPem,
      certificatePem: foreign.agent.identity.certificatePem,
      privateKeyPem: foreign.agent.keys.tlsPrivatePem,
    };

    const bare = await by.post(bytes, { trust: { caPem: portal.authority.caPem } });
    const unknown = await by.post(bytes, { trust: foreignTrust });
    portal.setRegistration(by.product, "revoked");
    const revoked = await by.post(bytes);
    portal.setRegistration(by.product, "may-only-renew");
    const expired = await by.post(bytes);
    const product = portal.products.get(by.product);
    if (product !== undefined) Object.assign(product, { registration: "registered", certificateNotAfter: new Date(0) });
    const pastDate = await by.post(bytes);
    const stored = await by.stored();
    if (product !== undefined) product.certificateNotAfter = new Date(Date.now() + 1e9);
    const control = await by.post(bytes);

    expect([bare, unknown, revoked, expired, pastDate].map((one) => [one.status, one.code])).toEqual([
      [401, "link.identity_required"],
      [401, "link.identity_unknown"],
      [403, "link.identity_revoked"],
      [403, "link.identity_expired"],
      [403, "link.identity_expired"],
    ]);
    expect(stored).toEqual({ batches: 0, files: 0 });
    expect(control.outcome).toBe("accepted");
  });

  test("an expired customer's logs are still taken", async () => {
    await using portal = await FakePortal.start();
    await using by = await attacker(portal);
    portal.customerExpired = true;

    const answer = await by.post(sealBatch(by.place, lines(1)).bytes);

    expect(answer.outcome).toBe("accepted");
  });

  test("an unknown stream is not found", async () => {
    await using portal = await FakePortal.start();
    await using by = await attacker(portal);

    const answer = await by.post(sealBatch(by.place, lines(1)).bytes, { stream: "..%2f..%2fetc" });

    expect([answer.status, answer.code]).toEqual([404, "request.not_found"]);
  });
});

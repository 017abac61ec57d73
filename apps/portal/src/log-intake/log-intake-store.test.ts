import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BatchPlace, type SealedBatch, sealBatch } from "@tms/link";
import { createBatchIntake, type IntakeStore, type Peer } from "@tms/link/upper";
import { AppError, type Epoch, newId } from "@tms/records";
import { createTestDatabase, TestClock, type TestDatabase } from "@tms/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { untilSomebodyWaits } from "../lock-wait.contract.ts";
import { registeredProduct } from "../registered-product.contract.ts";
import type { IndexJob } from "./batch-row.ts";
import { createLogIntakeStore } from "./log-intake-store.ts";

// The real intake over the real store: what a product sends again, in another order, at once, or from a restored copy.

const MIGRATIONS = [fileURLToPath(new URL("../../migrations", import.meta.url))];
const STREAM = "threat-events" as const;

let database: TestDatabase;
let directory: string;

beforeAll(async () => {
  database = await createTestDatabase({ migrations: MIGRATIONS });
  directory = await mkdtemp(join(tmpdir(), "tms-intake-"));
});
afterAll(async () => {
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

/** A portal's intake that is told which epoch a heartbeat announced last; both hooks run within the transaction. */
function intakeOver() {
  const nothing = async (): Promise<void> => undefined;
  const said = { epoch: null as Epoch | null, onLocked: nothing, onEnqueue: nothing };
  const jobs: IndexJob[] = [];
  const store = createLogIntakeStore({
    db: database.databases,
    latestEpoch: async () => said.epoch,
    async enqueue(job) {
      await said.onEnqueue();
      jobs.push(job);
    },
    countBytes: nothing,
    newId: () => newId<string>(),
  });
  const hooked: IntakeStore = {
    locked: (peer, stream, work) =>
      store.locked(peer, stream, async (tx) => {
        await said.onLocked();
        return work(tx);
      }),
  };
  const intake = createBatchIntake({ directory, store: hooked, clock: new TestClock() });
  const send = async (peer: Peer, batch: SealedBatch) => {
    const stated = { stream: STREAM, statedDigest: batch.digest, protocol: "ssl" as const };
    return intake.receive(peer, stated, bytesOf(batch));
  };
  const rows = (peer: Peer) => store.batches({ customer: peer.customer }, { product: peer.product, stream: STREAM });
  return { said, jobs, store, send, rows };
}

async function* bytesOf(batch: SealedBatch): AsyncGenerator<Uint8Array> {
  yield batch.bytes;
}

async function registeredPeer(): Promise<Peer> {
  const { scope, product } = await registeredProduct(database);
  const signingKeySpki = randomBytes(44);
  return { ...scope, product, endpoint: null, kind: "mitigator", signingKeySpki, customerExpired: false };
}

function batchOf(
  place: Partial<BatchPlace> & { epoch: Epoch },
  lines = [`{"text":"${newId<string>()}"}`],
): SealedBatch {
  return sealBatch({ stream: STREAM, first: 0, previous: null, ...place }, lines);
}

test("an epoch that another one replaced stays closed, though a restored product announces it again", async () => {
  const peer = await registeredPeer();
  const { said, send, store } = intakeOver();
  const [old, next] = [newId<Epoch>(), newId<Epoch>()];
  const first = batchOf({ epoch: old });
  said.epoch = old;
  await send(peer, first);
  said.epoch = next;
  await send(peer, batchOf({ epoch: next }));

  said.epoch = old;
  const goesOn = await send(peer, batchOf({ epoch: old, first: 1, previous: first.digest }));
  const startsAgain = await send(peer, batchOf({ epoch: old }));
  const known = await send(peer, first);

  expect([goesOn, startsAgain, known].map(({ outcome }) => outcome)).toEqual([
    "epoch-unknown",
    "epoch-unknown",
    "duplicate",
  ]);
  const positions = await store.positions({ customer: peer.customer }, peer.product);
  expect(positions).toMatchObject([{ stream: STREAM, epoch: next, next: 1 }]);
});

test("an epoch that was announced and never used may still be opened after another heartbeat", async () => {
  const peer = await registeredPeer();
  const { said, send } = intakeOver();
  const [one, other] = [newId<Epoch>(), newId<Epoch>()];
  said.epoch = one;
  said.epoch = other;
  const early = await send(peer, batchOf({ epoch: one }));
  said.epoch = one;

  const later = await send(peer, batchOf({ epoch: one }));

  expect([early.outcome, later.outcome]).toEqual(["epoch-unknown", "accepted"]);
});

test("two batches for one place at once are decided one after the other: one stays, the other is a fork", async () => {
  const peer = await registeredPeer();
  const { said, jobs, send, rows } = intakeOver();
  const epoch = newId<Epoch>();
  said.epoch = epoch;
  const before = batchOf({ epoch });
  await send(peer, before);
  const place = { epoch, first: 1, previous: before.digest };
  const [entered, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  onTestFinished(() => release.resolve());
  said.onLocked = () => {
    said.onLocked = async () => undefined;
    entered.resolve();
    return release.promise;
  };
  const [one, other] = [batchOf(place), batchOf(place)];

  const first = send(peer, one);
  await entered.promise;
  const second = send(peer, other);
  await untilSomebodyWaits(database.url);
  release.resolve();

  expect([(await first).outcome, (await second).outcome]).toEqual(["accepted", "fork"]);
  expect((await rows(peer)).map(({ digest }) => digest)).toEqual([before.digest, one.digest]);
  expect(jobs).toHaveLength(2);
});

test("one batch sent many times at once is accepted once and a duplicate otherwise", async () => {
  const peer = await registeredPeer();
  const { said, jobs, send, rows } = intakeOver();
  said.epoch = newId<Epoch>();
  const batch = batchOf({ epoch: said.epoch });

  const answers = await Promise.all(Array.from({ length: 6 }, () => send(peer, batch)));

  expect(answers.map(({ outcome }) => outcome).sort()).toEqual(["accepted", ...Array(5).fill("duplicate")]);
  expect(new Set(answers.map(({ position }) => JSON.stringify(position))).size).toBe(1);
  expect(await rows(peer)).toHaveLength(1);
  expect(jobs).toHaveLength(1);
});

test("the same bytes of two products are two blobs, each under its own customer", async () => {
  const [one, other] = [await registeredPeer(), await registeredPeer()];
  const { said, send, rows } = intakeOver();
  said.epoch = newId<Epoch>();
  const batch = batchOf({ epoch: said.epoch });

  const answers = [await send(one, batch), await send(other, batch)];

  const keys = [...(await rows(one)), ...(await rows(other))].map(({ blobKey }) => blobKey);
  expect(answers.map(({ outcome }) => outcome)).toEqual(["accepted", "accepted"]);
  expect(keys.map((key) => key.split("/")[1])).toEqual([one.customer, other.customer]);
  expect(await Promise.all(keys.map((key) => readFile(join(directory, key))))).toEqual([batch.bytes, batch.bytes]);
});

test("a batch whose indexing nobody could be told of is not accepted in any part, and comes again", async () => {
  const peer = await registeredPeer();
  const { said, send, rows, store } = intakeOver();
  said.epoch = newId<Epoch>();
  const batch = batchOf({ epoch: said.epoch });
  said.onEnqueue = () => Promise.reject(new AppError("store.unavailable", {}));

  await expect(send(peer, batch)).rejects.toMatchObject({ code: "store.unavailable" });
  const meanwhile = {
    rows: await rows(peer),
    positions: await store.positions({ customer: peer.customer }, peer.product),
  };
  said.onEnqueue = async () => undefined;
  const again = await send(peer, batch);

  expect(meanwhile).toEqual({ rows: [], positions: [] });
  expect(again.outcome).toBe("accepted");
  const [row] = await rows(peer);
  expect(existsSync(join(directory, row?.blobKey ?? ""))).toBe(true);
});

test("batches are told in the order of arrival, and only those of the first epoch as such", async () => {
  const peer = await registeredPeer();
  const { said, send, store } = intakeOver();
  const [first, later] = [newId<Epoch>(), newId<Epoch>()];
  const place = { product: peer.product, stream: STREAM };
  const one = batchOf({ epoch: first });
  said.epoch = first;
  await send(peer, one);
  await send(peer, batchOf({ epoch: first, first: 1, previous: one.digest }));
  said.epoch = later;
  await send(peer, batchOf({ epoch: later }));

  const told = [];
  for (let arrival = 0; ; ) {
    const batch = await store.batchAfter({ customer: peer.customer }, { ...place, arrival });
    if (batch === null) break;
    told.push([batch.epoch, batch.first, batch.isFirstEpoch]);
    arrival = batch.arrival;
  }

  expect(told).toEqual([
    [first, 0, true],
    [first, 1, true],
    [later, 0, false],
  ]);
});

import { type BatchPlace, readBatch, sealBatch } from "@tms/link";
import { openSpool } from "@tms/link/lower";
import { createBatchIntake, type IntakeTransaction, type Peer } from "@tms/link/upper";
import type { CustomerId, Epoch, LinkRecord } from "@tms/records";
import { TestClock } from "@tms/testkit";
import { expect, test } from "vitest";
import { makeIdentity } from "./make-identity.ts";
import { makeRecord } from "./make-records.ts";
import { Random } from "./random.ts";
import { VirtualDisk } from "./virtual-disk.ts";

const STREAM = "threat-events" as const;
const SEEDS = Array.from({ length: 30 }, (_, index) => index + 1);
const clock = new TestClock();

function newDisk(seed: number): VirtualDisk {
  const time = { sleep: async () => undefined, awaitThreads: () => undefined };
  return new VirtualDisk({ time, random: new Random(seed), now: () => clock.now() });
}

function recordOf(random: Random): LinkRecord {
  return makeRecord(random, { stream: STREAM, occurredAt: clock.now(), isDamaged: false });
}

/** Takes everything: what is tested is what the disk keeps. */
const open: IntakeTransaction = {
  position: () => null,
  epochAnnounced: () => true,
  knowsDigest: async () => false,
  openEpoch: () => undefined,
  accept: async () => undefined,
};

function openSpoolOn(disk: VirtualDisk) {
  return openSpool({ directory: "/data/spool", streams: [STREAM], clock, disk: disk.of({ alive: true }) });
}

test.each(SEEDS)(
  "an accepted batch outlives a power loss right after its answer, also the first of its customer (%i)",
  async (seed) => {
    const random = new Random(seed);
    const disk = newDisk(seed);
    disk.install(["/data"]);
    const peer: Peer = makeIdentity(random, random.uuid<CustomerId>()).peer;
    const place: BatchPlace = { stream: STREAM, epoch: random.uuid<Epoch>(), first: 0, previous: null };
    const batch = sealBatch(place, [JSON.stringify(recordOf(random))]);
    const intake = createBatchIntake({
      directory: "/data/blobs",
      store: { locked: (_peer, _stream, work) => work(open) },
      clock,
      disk: disk.of({ alive: true }),
    });

    const stated = { stream: STREAM, statedDigest: batch.digest, protocol: "ssl" as const };
    const answer = await intake.receive(
      peer,
      stated,
      (async function* () {
        yield batch.bytes;
      })(),
    );
    disk.losePower();

    const path = `/data/blobs/c/${peer.customer}/${peer.product}/${STREAM}/${place.epoch}/0-${batch.digest}.batch`;
    expect(answer.outcome).toBe("accepted");
    expect(disk.readNow(path)?.equals(batch.bytes)).toBe(true);
  },
);

test.each(SEEDS)("a new spool keeps what it took through a power loss right after it (%i)", async (seed) => {
  const disk = newDisk(seed);
  disk.install(["/data"]);
  const record = recordOf(new Random(seed));
  const spool = await openSpoolOn(disk);

  await spool.append(STREAM, [record]);
  disk.losePower();

  const batch = await (await openSpoolOn(disk)).nextBatch(STREAM);
  const { lines } = await readBatch(batch?.bytes ?? Buffer.alloc(0));
  expect(lines).toEqual([JSON.stringify(record)]);
});

test.each(SEEDS)("a sealed batch is the same bytes after a power loss (%i)", async (seed) => {
  const disk = newDisk(seed);
  disk.install(["/data"]);
  const spool = await openSpoolOn(disk);
  await spool.append(STREAM, [recordOf(new Random(seed))]);

  const sealed = await spool.nextBatch(STREAM);
  disk.losePower();

  const again = await (await openSpoolOn(disk)).nextBatch(STREAM);
  expect(again?.digest).toBe(sealed?.digest);
});

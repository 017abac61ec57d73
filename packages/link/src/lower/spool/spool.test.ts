import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Epoch, type LinkRecord, newId, type ProductId, type RecordId } from "@tms/records";
import { makeThreatEvent, TestClock } from "@tms/testkit";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { readBatch } from "../../batch/read-batch.ts";
import type { Disk } from "../../disk/disk.ts";
import { nodeDisk } from "../../disk/node-disk.ts";
import { openSpool } from "./spool.ts";
import type { Spool, SpoolLimits } from "./spool-port.ts";
import { nextEpochState } from "./spool-state.ts";

const STREAM = "threat-events" as const;
const clock = new TestClock();
/** `#`, 16 digits, a space, 8 digits of the sum, a line feed. */
const MARK_BYTES = 27;

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tms-spool-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

function open(directory: string, limits: Partial<SpoolLimits> = {}): Promise<Spool> {
  return openSpool({ directory, streams: [STREAM, "root-cause"], clock, limits });
}

/** Sends everything that waits and gives back the record ids in order. */
async function drain(spool: Spool): Promise<string[]> {
  const ids: string[] = [];
  for (let batch = await spool.nextBatch(STREAM); batch !== null; batch = await spool.nextBatch(STREAM)) {
    const { lines } = await readBatch(batch.bytes);
    ids.push(...lines.map((line) => (JSON.parse(line) as LinkRecord).id));
    await spool.acknowledge(STREAM, batch.digest);
  }
  return ids;
}

async function onlySegment(directory: string): Promise<string> {
  const folder = join(directory, STREAM, "open");
  const name = (await readdir(folder)).find((one) => one.endsWith(".segment"));
  return join(folder, name ?? "none");
}

test("a kill at any byte of the spool loses nothing that was promised and invents nothing", async () => {
  const directory = await newDirectory();
  const spool = await open(directory);
  const promised: { bytes: number; ids: RecordId[] }[] = [];
  for (const size of [1, 3, 2]) {
    const records = Array.from({ length: size }, () => makeThreatEvent());
    await spool.append(STREAM, records);
    promised.push({ bytes: (await readFile(await onlySegment(directory))).length, ids: records.map((one) => one.id) });
  }
  await spool.close();
  const all = promised.at(-1)?.bytes ?? 0;

  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: all }), async (cut) => {
      const copy = await newDirectory();
      await cp(directory, copy, { recursive: true });
      await truncate(await onlySegment(copy), cut);
      const kept = promised.filter((one) => one.bytes <= cut).flatMap((one) => one.ids);
      // Without its mark an append is whole, although nobody was told so yet.
      const whole = promised.filter((one) => one.bytes - MARK_BYTES <= cut).flatMap((one) => one.ids);

      const again = await open(copy);
      const late = makeThreatEvent();
      await again.append(STREAM, [late]);

      const ids = await drain(again);
      expect([
        [...kept, late.id],
        [...whole, late.id],
      ]).toContainEqual(ids);
      await again.close();
    }),
    { numRuns: 40, examples: [[0], [all], [all - 1]] },
  );
});

test("a kill between any two steps of sealing seals nothing twice and nothing away", async () => {
  const directory = await newDirectory();
  const spool = await open(directory);
  const records = [makeThreatEvent(), makeThreatEvent()];
  await spool.append(STREAM, records);
  const before = await newDirectory();
  await cp(directory, before, { recursive: true });
  const sealed = await spool.nextBatch(STREAM);
  await spool.close();
  const batches = join(STREAM, "batches");
  const states = {
    "half a batch file": async (at: string) => {
      const folder = join(at, batches, sealed?.header.epoch ?? "");
      await writeFile(
        join(folder, `${"0".repeat(16)}.${sealed?.digest}.batch.new`),
        sealed?.bytes.subarray(0, 50) ?? "",
      );
    },
    "the batch file, no state": (at: string) => cp(join(directory, batches), join(at, batches), { recursive: true }),
    "batch file and state, segments still there": async (at: string) => {
      await cp(join(directory, batches), join(at, batches), { recursive: true });
      await cp(join(directory, STREAM, "state.json"), join(at, STREAM, "state.json"));
    },
  };

  for (const [name, make] of Object.entries(states)) {
    const at = await newDirectory();
    await cp(before, at, { recursive: true });
    await make(at);
    const again = await open(at);
    const ids = await drain(again);

    expect(ids, name).toEqual(records.map((one) => one.id));
    expect(again.report()[0], name).toMatchObject({ sealedTo: 2, head: sealed?.digest });
    await again.close();
  }
});

test("a batch that was sealed is the same bytes after a restart", async () => {
  const directory = await newDirectory();
  const spool = await open(directory);
  await spool.append(STREAM, [makeThreatEvent()]);
  const first = await spool.nextBatch(STREAM);
  await spool.append(STREAM, [makeThreatEvent()]);
  await spool.close();

  const again = await open(directory);
  const second = await again.nextBatch(STREAM);

  expect(second?.bytes).toEqual(first?.bytes);
  await again.close();
});

test("numbers nothing twice that a relay passes on again after a crash", async () => {
  const directory = await newDirectory();
  const cursor = { agent: newId<ProductId>(), stream: STREAM, epoch: newId<Epoch>(), number: 7 };
  const record = makeThreatEvent();
  const spool = await open(directory);
  await spool.append(STREAM, [record], { cursor });
  await spool.close();

  const again = await open(directory);
  const repeated = await again.append(STREAM, [record], { cursor });
  const ids = await drain(again);
  await again.close();
  const third = await open(directory);
  const afterSealing = await third.append(STREAM, [record], { cursor });

  expect([repeated.appended, afterSealing.appended]).toEqual([0, 0]);
  expect(ids).toEqual([record.id]);
  expect(third.cursors()).toEqual([cursor]);
  await third.close();
});

test("a rejected batch becomes a gap batch that resumes at it", async () => {
  const spool = await open(await newDirectory(), { sealRecords: 1 });
  await spool.append(STREAM, [makeThreatEvent(), makeThreatEvent()]);
  const bad = await spool.nextBatch(STREAM);

  await spool.replaceByGap(STREAM, bad?.digest ?? ("" as never), "rejected");
  const gap = await spool.nextBatch(STREAM);
  await spool.acknowledge(STREAM, gap?.digest ?? ("" as never));
  const next = await spool.nextBatch(STREAM);

  expect(gap?.header).toMatchObject({
    first: 0,
    count: 1,
    plainBytes: 0,
    gap: { cause: "rejected", resumes: bad?.digest },
  });
  expect(next?.header).toMatchObject({ first: 1, previous: bad?.digest });
  await spool.close();
});

test("goes back to what the upper party asks for, and says what nobody keeps any more", async () => {
  const spool = await open(await newDirectory(), { sealRecords: 1, keepAckedBytes: 0 });
  await spool.append(STREAM, [makeThreatEvent(), makeThreatEvent(), makeThreatEvent()]);
  const sent = [];
  for (let count = 0; count < 2; count += 1) {
    const batch = await spool.nextBatch(STREAM);
    sent.push(batch);
    await spool.acknowledge(STREAM, batch?.digest ?? ("" as never));
  }
  const { epoch } = spool.report()[0] ?? { epoch: "" as Epoch };

  const realigned = await spool.realign(STREAM, { stream: STREAM, epoch, next: 1, head: sent[0]?.digest ?? null });
  const gap = await spool.nextBatch(STREAM);

  expect(realigned).toBe("rewound");
  expect(gap?.header).toMatchObject({
    first: 1,
    count: 1,
    previous: sent[0]?.digest,
    gap: { cause: "upper-lost", resumes: sent[1]?.digest },
  });
  await spool.close();
});

test("begins a new epoch when the upper party knows more than was ever sent", async () => {
  const spool = await open(await newDirectory());
  const record = makeThreatEvent();
  await spool.append(STREAM, [record]);
  const old = spool.report()[0];

  const realigned = await spool.realign(STREAM, {
    stream: STREAM,
    epoch: old?.epoch ?? ("" as Epoch),
    next: 99,
    head: null,
  });
  const now = spool.report()[0];

  expect(realigned).toBe("new-epoch");
  expect(now?.epoch).not.toBe(old?.epoch);
  expect(now?.sealedTo).toBe(1);
  expect(await drain(spool)).toEqual([record.id]);
  await spool.close();
});

test("a kill in the middle of a new epoch carries every record over once", async () => {
  const directory = await newDirectory();
  const spool = await open(directory, { sealRecords: 1 });
  const records = [makeThreatEvent(), makeThreatEvent(), makeThreatEvent()];
  await spool.append(STREAM, records);
  const [old] = spool.report();
  await spool.close();
  const epoch = old?.epoch ?? ("" as Epoch);
  const statePath = join(directory, STREAM, "state.json");
  const state = nextEpochState(JSON.parse(await readFile(statePath, "utf8")), {
    epoch: newId<Epoch>(),
    carry: [{ epoch, from: 0, to: 3 }],
    ended: [{ epoch, sealedTo: 3, head: null, ackedTo: 0 }],
  });
  await writeFile(statePath, JSON.stringify(state));

  const again = await open(directory);
  const ids = await drain(again);

  expect(ids).toEqual(records.map((one) => one.id));
  expect(again.report()[0]).toMatchObject({ epoch: state.epoch, sealedTo: 3, spooledRecords: 0 });
  await again.close();
  await (await open(directory)).close();
  expect(await readdir(join(directory, STREAM, "batches"))).toEqual([state.epoch]);
});

test("a batch that the disk changed is never sent; its numbers say so", async () => {
  const directory = await newDirectory();
  const spool = await open(directory);
  await spool.append(STREAM, [makeThreatEvent()]);
  const batch = await spool.nextBatch(STREAM);
  const folder = join(directory, STREAM, "batches", batch?.header.epoch ?? "");
  const [name = ""] = await readdir(folder);
  const bytes = Buffer.from(batch?.bytes ?? "");
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(join(folder, name), bytes);

  const sent = await spool.nextBatch(STREAM);

  expect(sent?.header).toMatchObject({ first: 0, count: 1, gap: { cause: "disk-failed", resumes: batch?.digest } });
  await spool.close();
});

test("a batch that the disk changed before it could be carried over is declared with all its records", async () => {
  const directory = await newDirectory();
  const spool = await open(directory, { sealRecords: 3 });
  const records = Array.from({ length: 5 }, () => makeThreatEvent());
  await spool.append(STREAM, records);
  const [old] = spool.report();
  const first = await spool.nextBatch(STREAM);
  const folder = join(directory, STREAM, "batches", old?.epoch ?? "");
  const damaged = (await readdir(folder)).sort()[0] ?? "";
  await truncate(join(folder, damaged), (first?.bytes.length ?? 0) - 1);

  await spool.newEpoch(STREAM);
  const gap = await spool.nextBatch(STREAM);
  await spool.acknowledge(STREAM, gap?.digest ?? ("" as never));

  expect(gap?.header).toMatchObject({ first: 0, count: 3, gap: { cause: "disk-failed" } });
  expect(await drain(spool)).toEqual(records.slice(3).map((one) => one.id));
  await spool.close();
});

/** The disk of this machine, with room for only so many sealed batches. */
function fullAfter(batches: number): { disk: Disk; makeRoom(): void } {
  let room = batches;
  const open: Disk["open"] = async (path, how) => {
    if (path.endsWith(".batch.new")) room -= 1;
    if (room < 0) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
    return nodeDisk.open(path, how);
  };
  return {
    disk: { ...nodeDisk, open },
    makeRoom: () => {
      room = Number.POSITIVE_INFINITY;
    },
  };
}

test("a disk that fills up between two sealed batches loses and repeats nothing", async () => {
  const directory = await newDirectory();
  const { disk, makeRoom } = fullAfter(1);
  const spool = await openSpool({ directory, streams: [STREAM], clock, limits: { sealRecords: 2 }, disk });
  const records = Array.from({ length: 4 }, () => makeThreatEvent());
  const kept = [await spool.append(STREAM, records.slice(0, 3))];
  makeRoom();

  kept.push(await spool.append(STREAM, records.slice(3)));
  const ids = await drain(spool);

  expect(kept).toEqual([{ appended: 3 }, { appended: 1 }]);
  expect(ids).toEqual(records.map((one) => one.id));
  expect(spool.report()[0]).toMatchObject({ sealedTo: 4, spooledRecords: 0 });
  await spool.close();
});

test("a disk that fills up while a new epoch begins loses nothing, and nothing overtakes what is carried over", async () => {
  const directory = await newDirectory();
  const { disk, makeRoom } = fullAfter(3);
  const spool = await openSpool({ directory, streams: [STREAM], clock, limits: { sealRecords: 1 }, disk });
  const records = Array.from({ length: 3 }, () => makeThreatEvent());
  await spool.append(STREAM, records.slice(0, 2));

  await expect(spool.newEpoch(STREAM)).rejects.toMatchObject({ code: "ENOSPC" });
  await expect(spool.append(STREAM, records.slice(2))).rejects.toMatchObject({ code: "ENOSPC" });
  makeRoom();
  await spool.append(STREAM, records.slice(2));

  expect(await drain(spool)).toEqual(records.map((one) => one.id));
  expect(spool.report()[0]).toMatchObject({ sealedTo: 3, spooledRecords: 0 });
  await spool.close();
});

test("when full, root causes yield to a gap and threat events are refused", async () => {
  const spool = await open(await newDirectory(), { maxBytes: 4000, rootCauseMaxBytes: 100 });
  const records = [makeThreatEvent(), makeThreatEvent()];

  await spool.append("root-cause", records);
  await spool.append("root-cause", records);
  const gap = await spool.nextBatch("root-cause");
  const refused = spool.append(
    STREAM,
    Array.from({ length: 20 }, () => makeThreatEvent()),
  );

  expect(gap?.header).toMatchObject({ first: 0, count: 4, gap: { cause: "spool-full", resumes: null } });
  await expect(refused).rejects.toMatchObject({ code: "spool.full" });
  expect(spool.report()[0]?.spooledRecords).toBe(0);
  await spool.close();
});

test("a loss on the hop below goes up as a gap in its place", async () => {
  const spool = await open(await newDirectory());
  const at = "2026-11-24T09:00:00Z";
  await spool.append(STREAM, [makeThreatEvent()]);
  await spool.appendGap(STREAM, { cause: "lower-gap", count: 4, from: at, to: at });
  await spool.append(STREAM, [makeThreatEvent()]);

  const headers = [];
  for (let batch = await spool.nextBatch(STREAM); batch !== null; batch = await spool.nextBatch(STREAM)) {
    headers.push([batch.header.first, batch.header.count, "gap" in batch.header]);
    await spool.acknowledge(STREAM, batch.digest);
  }

  expect(headers).toEqual([
    [0, 1, false],
    [1, 4, true],
    [5, 1, false],
  ]);
  await spool.close();
});

test("a restart remembers when something was last acknowledged", async () => {
  const directory = await newDirectory();
  const spool = await open(directory);
  await spool.append(STREAM, [makeThreatEvent()]);
  const before = spool.report().map((report) => report.ackedAt);
  await drain(spool);
  await spool.close();

  const again = await open(directory);

  expect(before).toEqual([null, null]);
  expect(again.report().find((report) => report.stream === STREAM)?.ackedAt).toBe(clock.now().toISOString());
  await again.close();
});

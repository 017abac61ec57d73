import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Position } from "@tms/contracts/link";
import { type Epoch, type LinkRecord, newId } from "@tms/records";
import { makeThreatEvent, TestClock } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import { readBatch } from "../../batch/read-batch.ts";
import { openSpool } from "./spool.ts";
import type { Spool, SpooledBatch, SpoolLimits } from "./spool-port.ts";

// An upper party that is restored to a time when a later epoch of ours had not begun.

const STREAM = "threat-events" as const;

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tms-epochs-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

function open(directory: string, limits: Partial<SpoolLimits> = {}): Promise<Spool> {
  return openSpool({ directory, streams: [STREAM], clock: new TestClock(), limits: { sealRecords: 2, ...limits } });
}

async function sendAll(spool: Spool): Promise<SpooledBatch[]> {
  const sent: SpooledBatch[] = [];
  for (let batch = await spool.nextBatch(STREAM); batch !== null; batch = await spool.nextBatch(STREAM)) {
    sent.push(batch);
    await spool.acknowledge(STREAM, batch.digest);
  }
  return sent;
}

async function idsOf(batches: readonly SpooledBatch[]): Promise<string[]> {
  const read = await Promise.all(batches.map(({ bytes }) => readBatch(bytes)));
  return read.flatMap(({ lines }) => lines.map((line) => (JSON.parse(line) as LinkRecord).id));
}

function behind({ header, digest }: SpooledBatch): Position {
  return { stream: STREAM, epoch: header.epoch, next: header.first + header.count, head: digest };
}

/** An epoch of two batches and then one of one, all acknowledged. */
async function twoEpochs(spool: Spool): Promise<{ ids: string[]; sent: SpooledBatch[] }> {
  const records = Array.from({ length: 6 }, () => makeThreatEvent());
  await spool.append(STREAM, records.slice(0, 2));
  const first = await sendAll(spool);
  await spool.append(STREAM, records.slice(2, 4));
  const second = await sendAll(spool);
  await spool.newEpoch(STREAM);
  await spool.append(STREAM, records.slice(4));
  return { ids: records.map((one) => one.id), sent: [...first, ...second, ...(await sendAll(spool))] };
}

test("what an ended epoch delivered goes up again to an upper party that lost it", async () => {
  const directory = await newDirectory();
  const spool = await open(directory);
  const { ids, sent } = await twoEpochs(spool);
  const [first] = sent;
  await spool.close();
  const again = await open(directory);

  const realigned = first === undefined ? null : await again.realign(STREAM, behind(first));
  const repeated = await sendAll(again);
  const afterwards = first === undefined ? null : await again.realign(STREAM, behind(first));

  expect(realigned).toBe("new-epoch");
  expect(await idsOf(repeated)).toEqual(ids.slice(2));
  expect(new Set(repeated.map((one) => one.header.epoch)).size).toBe(1);
  // It still stands there although all was acknowledged: it was restored again.
  expect(afterwards).toBe("rewound");
  await again.close();
});

test("an upper party that lost everything gets everything that is kept", async () => {
  const spool = await open(await newDirectory());
  const { ids } = await twoEpochs(spool);

  const realigned = await spool.realign(STREAM, null);

  expect(realigned).toBe("new-epoch");
  expect(await idsOf(await sendAll(spool))).toEqual(ids);
  await spool.close();
});

test("nothing goes up again while the upper party stands at the end of the ended epoch", async () => {
  const spool = await open(await newDirectory());
  await spool.append(STREAM, [makeThreatEvent()]);
  const [batch] = await sendAll(spool);
  await spool.newEpoch(STREAM);
  await spool.append(STREAM, [makeThreatEvent()]);

  const realigned = batch === undefined ? null : await spool.realign(STREAM, behind(batch));

  expect(realigned).toBe("unchanged");
  expect(await sendAll(spool)).toHaveLength(1);
  await spool.close();
});

test("an epoch alone that the upper party never heard of is sent again from its begin, as the same bytes", async () => {
  const spool = await open(await newDirectory());
  const { sent } = await twoEpochs(spool);
  const [, second, third] = sent;

  const realigned = second === undefined ? null : await spool.realign(STREAM, behind(second));
  const [repeated] = await sendAll(spool);

  expect(realigned).toBe("rewound");
  expect(repeated?.digest).toBe(third?.digest);
  await spool.close();
});

test("what is no longer kept of an ended epoch is declared as lost by the upper party", async () => {
  const spool = await open(await newDirectory(), { keepAckedBytes: 0 });
  const { sent } = await twoEpochs(spool);
  const [first] = sent;

  if (first !== undefined) await spool.realign(STREAM, behind(first));
  const told = await sendAll(spool);

  expect(told.map(({ header }) => [header.count, "gap" in header ? header.gap.cause : null])).toEqual([
    [2, "upper-lost"],
    [2, "upper-lost"],
  ]);
  await spool.close();
});

test("a new epoch that a position forces begins behind that position", async () => {
  const spool = await open(await newDirectory());
  const records = Array.from({ length: 4 }, () => makeThreatEvent());
  await spool.append(STREAM, records.slice(0, 2));
  const [first] = await sendAll(spool);
  await spool.append(STREAM, records.slice(2));
  await sendAll(spool);

  await spool.newEpoch(STREAM, { position: first === undefined ? null : behind(first) });

  expect(await idsOf(await sendAll(spool))).toEqual(records.slice(2).map((one) => one.id));
  await spool.close();
});

test("a position under an epoch of somebody else brings up all that is kept, once, and declares nothing", async () => {
  const spool = await open(await newDirectory());
  const { ids } = await twoEpochs(spool);
  const foreign: Position = { stream: STREAM, epoch: newId<Epoch>(), next: 3, head: null };

  const realigned = [await spool.realign(STREAM, foreign), await spool.realign(STREAM, foreign)];

  expect(realigned).toEqual(["new-epoch", "unchanged"]);
  expect(await idsOf(await sendAll(spool))).toEqual(ids);
  await spool.close();
});

test("batches of ended epochs are kept within the same bounds as the others", async () => {
  const directory = await newDirectory();
  const spool = await open(directory, { keepAckedBytes: 2000 });
  for (let epochs = 0; epochs < 4; epochs += 1) {
    await spool.append(STREAM, [makeThreatEvent(), makeThreatEvent()]);
    await sendAll(spool);
    await spool.newEpoch(STREAM);
  }
  await spool.append(STREAM, [makeThreatEvent()]);
  await sendAll(spool);

  const folders = await readdir(join(directory, STREAM, "batches"));
  const files = await Promise.all(folders.map((one) => readdir(join(directory, STREAM, "batches", one))));

  expect(folders.length).toBeLessThan(5);
  expect(files.every((names) => names.length > 0)).toBe(true);
  await spool.close();
});

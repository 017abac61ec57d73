import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LinkRecord } from "@tms/records";
import { makeThreatEvent, TestClock } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import { readBatch } from "../../batch/read-batch.ts";
import { LinkMemory } from "../link-memory.ts";
import { openSpool } from "./spool.ts";
import type { Spool } from "./spool-port.ts";

const STREAM = "threat-events" as const;

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tms-rot-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

function open(directory: string, onDamage: () => void = () => undefined): Promise<Spool> {
  return openSpool({ directory, streams: [STREAM], clock: new TestClock(), limits: { sealRecords: 2 }, onDamage });
}

async function flip(path: string, bit: number): Promise<void> {
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  await writeFile(path, bytes);
}

/** Sends everything: which ids arrive, and for how many numbers which cause is told. */
async function drain(spool: Spool): Promise<{ ids: string[]; lost: number; causes: string[] }> {
  const told = { ids: [] as string[], lost: 0, causes: [] as string[] };
  for (let batch = await spool.nextBatch(STREAM); batch !== null; batch = await spool.nextBatch(STREAM)) {
    if ("gap" in batch.header) {
      told.lost += batch.header.count;
      told.causes.push(batch.header.gap.cause);
    } else {
      const { lines } = await readBatch(batch.bytes);
      told.ids.push(...lines.map((line) => (JSON.parse(line) as LinkRecord).id));
    }
    await spool.acknowledge(STREAM, batch.digest);
  }
  return told;
}

async function onlyIn(folder: string, suffix: string): Promise<string> {
  const name = (await readdir(folder)).find((one) => one.endsWith(suffix));
  return join(folder, name ?? "none");
}

/** As many places as a test has time for, and the ends. */
function bitsOf(sizeBytes: number, places: number): number[] {
  const step = (sizeBytes * 8 - 1) / places;
  return Array.from({ length: places + 1 }, (_, place) => Math.round(place * step));
}

test("a bit that flips in records that wait unsealed loses one append at most, and says so", async () => {
  const directory = await newDirectory();
  const spool = await openSpool({ directory, streams: [STREAM], clock: new TestClock() });
  const appended = [1, 2, 1].map((size) => Array.from({ length: size }, () => makeThreatEvent()));
  for (const records of appended) await spool.append(STREAM, records);
  await spool.close();
  const all = appended.flat().map((one) => one.id as string);
  const segment = await onlyIn(join(directory, STREAM, "open"), ".segment");
  const { length } = await readFile(segment);

  for (const bit of bitsOf(length, 120)) {
    const at = await newDirectory();
    await cp(directory, at, { recursive: true });
    await flip(await onlyIn(join(at, STREAM, "open"), ".segment"), bit);
    const again = await open(at);
    const { ids, lost, causes } = await drain(again);
    await again.close();

    expect(ids, `bit ${bit}`).toEqual(all.filter((id) => ids.includes(id)));
    expect(all.length - ids.length, `bit ${bit}`).toBe(lost);
    expect(lost, `bit ${bit}`).toBeLessThanOrEqual(2);
    expect(new Set(causes), `bit ${bit}`).toEqual(new Set(lost > 0 ? ["disk-failed"] : []));
  }
});

test("a bit that flips under a running process is declared when its records are sealed", async () => {
  const directory = await newDirectory();
  const spool = await openSpool({ directory, streams: [STREAM], clock: new TestClock() });
  const records = [makeThreatEvent(), makeThreatEvent(), makeThreatEvent()];
  for (const record of records) await spool.append(STREAM, [record]);
  const segment = await onlyIn(join(directory, STREAM, "open"), ".segment");
  await flip(segment, 8 * 200);

  const { ids, lost, causes } = await drain(spool);

  expect(ids).toEqual(records.slice(1).map((one) => one.id));
  expect([lost, causes]).toEqual([1, ["disk-failed"]]);
  expect(spool.report()[0]).toMatchObject({ sealedTo: 3, spooledRecords: 0 });
  await spool.close();
});

test("a damaged state begins a new epoch, says so, and sends all that lies beside it", async () => {
  const directory = await newDirectory();
  const spool = await open(directory);
  const records = Array.from({ length: 5 }, () => makeThreatEvent());
  await spool.append(STREAM, records.slice(0, 2));
  const first = await spool.nextBatch(STREAM);
  await spool.acknowledge(STREAM, first?.digest ?? ("" as never));
  await spool.append(STREAM, records.slice(2, 4));
  await spool.nextBatch(STREAM);
  await spool.append(STREAM, records.slice(4));
  const [before] = spool.report();
  await spool.close();
  const { length } = await readFile(join(directory, STREAM, "state.json"));

  for (const bit of bitsOf(length, 40)) {
    const at = await newDirectory();
    await cp(directory, at, { recursive: true });
    await flip(join(at, STREAM, "state.json"), bit);
    const damages: string[] = [];
    const again = await open(at, () => damages.push(STREAM));
    const [after] = again.report();
    const { ids, lost } = await drain(again);
    await again.close();

    const isNoticed = damages.length > 0;
    expect(after?.epoch === before?.epoch, `bit ${bit}`).toBe(!isNoticed);
    expect([ids, lost], `bit ${bit}`).toEqual([records.slice(isNoticed ? 0 : 2).map((one) => one.id), 0]);
  }
});

test("a kill while a damaged state is mended loses nothing", async () => {
  const directory = await newDirectory();
  const spool = await open(directory);
  const records = Array.from({ length: 3 }, () => makeThreatEvent());
  await spool.append(STREAM, records.slice(0, 2));
  await spool.append(STREAM, records.slice(2));
  await spool.close();
  const state = join(directory, STREAM, "state.json");
  await writeFile(state, "");
  const mending = await open(directory);
  await mending.close();
  // As if its last step, the new state, had not come to pass.
  await writeFile(state, "");

  const again = await open(directory);
  const { ids, lost } = await drain(again);

  expect(new Set(ids)).toEqual(new Set(records.map((one) => one.id)));
  expect(lost).toBe(0);
  await again.close();
});

test("a damaged memory of the link does not stop the start", async () => {
  const directory = await newDirectory();
  const first = LinkMemory.open(directory);
  await first.nextCounter();
  await first.acknowledged([]);
  await flip(join(directory, "link-memory.json"), 8 * 30);

  const second = LinkMemory.open(directory);
  await second.nextCounter();
  const third = LinkMemory.open(directory);

  expect([first.wasDamaged, second.wasDamaged, third.wasDamaged]).toEqual([false, true, false]);
  expect([second.earlierStarts(), third.earlierStarts()]).toEqual([[], [second.start]]);
});

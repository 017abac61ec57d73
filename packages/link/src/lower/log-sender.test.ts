import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BatchAnswer, Position } from "@tms/contracts/link";
import { type LinkRecord, systemTimers } from "@tms/records";
import { makeThreatEvent, TestClock } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import { readBatch } from "../batch/read-batch.ts";
import type { Disk } from "../disk/disk.ts";
import { nodeDisk } from "../disk/node-disk.ts";
import { LogSender } from "./log-sender.ts";
import { openSpool } from "./spool/spool.ts";
import type { Spool, SpooledBatch } from "./spool/spool-port.ts";

const STREAM = "threat-events" as const;

/** The disk of this machine; no state can be written while it is full. */
function disk(): { disk: Disk; room: { isFull: boolean } } {
  const room = { isFull: false };
  const open: Disk["open"] = async (path, how) => {
    if (room.isFull && path.endsWith("state.json.new")) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
    return nodeDisk.open(path, how);
  };
  return { disk: { ...nodeDisk, open }, room };
}

async function spoolOn(on: Disk): Promise<Spool> {
  const directory = await mkdtemp(join(tmpdir(), "tms-sender-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return openSpool({ directory, streams: [STREAM], clock: new TestClock(), limits: { sealRecords: 1 }, disk: on });
}

/** Sends until everything was accepted, and gives back the ids in the order in which they were. */
async function sendAll(
  spool: Spool,
  answer: (batch: SpooledBatch) => BatchAnswer | null,
  on: { failure?: () => void } = {},
): Promise<string[]> {
  const { promise: drained, resolve } = Promise.withResolvers<void>();
  const accepted: SpooledBatch[] = [];
  const sender: LogSender = new LogSender({
    spool,
    transport: {
      async send(_, batch) {
        const refused = answer(batch);
        if (refused === null) accepted.push(batch);
        return refused ?? { outcome: "accepted", position: behind(batch) };
      },
      close: async () => undefined,
    },
    maySend: () => true,
    announce: async () => undefined,
    onSent: () => undefined,
    onEmpty: () => resolve(),
    onDrained: () => undefined,
    onFailure: () => {
      on.failure?.();
      sender.wake();
    },
    random: () => 0,
    timers: { ...systemTimers, after: (_, call) => systemTimers.after(0, call) },
  });
  sender.start();
  await drained;
  await sender.stop();
  const read = await Promise.all(accepted.map(({ bytes }) => readBatch(bytes)));
  return read.flatMap(({ lines }) => lines.map((line) => (JSON.parse(line) as LinkRecord).id));
}

function behind({ header, digest }: SpooledBatch): Position {
  return { stream: STREAM, epoch: header.epoch, next: header.first + header.count, head: digest };
}

/** Three records that were acknowledged, and where the upper party stood after the first. */
async function acknowledgedThree(spool: Spool): Promise<{ ids: string[]; position: Position | null }> {
  const records = Array.from({ length: 3 }, () => makeThreatEvent());
  await spool.append(STREAM, records);
  let position: Position | null = null;
  for (let batch = await spool.nextBatch(STREAM); batch !== null; batch = await spool.nextBatch(STREAM)) {
    position ??= behind(batch);
    await spool.acknowledge(STREAM, batch.digest);
  }
  return { ids: records.map((one) => one.id), position };
}

test("a disk that is too full to go back on costs no record that the upper party asks for", async () => {
  const { disk: on, room } = disk();
  const spool = await spoolOn(on);
  const { ids, position } = await acknowledgedThree(spool);
  const event = makeThreatEvent();
  await spool.append(STREAM, [event]);
  const [report] = spool.report();
  let failures = 0;
  let isBack = false;
  // Sealed before the disk is full, so that it can be sent.
  await spool.nextBatch(STREAM);
  room.isFull = true;

  const sent = await sendAll(
    spool,
    ({ header }) => {
      isBack ||= header.first === 1 || header.epoch !== report?.epoch;
      return isBack ? null : { outcome: "gap", code: "batch.gap", position };
    },
    {
      failure: () => {
        failures += 1;
        if (failures === 6) room.isFull = false;
      },
    },
  );

  expect(sent).toEqual([...ids.slice(1), event.id]);
  expect(spool.report()[0]?.epoch).toBe(report?.epoch);
  await spool.close();
});

test("an upper party that does not know the epoch is believed when it stands behind what the epoch before delivered", async () => {
  const spool = await spoolOn(nodeDisk);
  const { ids, position } = await acknowledgedThree(spool);
  await spool.newEpoch(STREAM);
  const [report] = spool.report();
  const event = makeThreatEvent();
  await spool.append(STREAM, [event]);

  const sent = await sendAll(spool, ({ header }) =>
    header.epoch === report?.epoch ? { outcome: "epoch-unknown", code: "batch.epoch_unknown", position } : null,
  );

  expect(sent).toEqual([...ids.slice(1), event.id]);
  await spool.close();
});

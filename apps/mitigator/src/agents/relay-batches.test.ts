import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSpool, type Spool } from "@tms/link/lower";
import {
  type EndpointId,
  type Epoch,
  type LinkRecord,
  newId,
  type ProductId,
  STREAMS,
  systemClock,
} from "@tms/records";
import { makeThreatEvent } from "@tms/testkit";
import { describe, expect, test } from "vitest";
import type { WaitingBatch } from "./agent.ts";
import { type BatchLine, createRelayBatches, type UpwardSpool } from "./relay-batches.ts";

describe("relayBatches", () => {
  /** The agent's batch row outlives a crash; what the relay did before it is found again in spool and log. */
  function world(lines: BatchLine[], change: Partial<WaitingBatch> = {}) {
    const batch: WaitingBatch = {
      id: 1,
      product: newId<ProductId>(),
      endpoint: newId<EndpointId>(),
      stream: "threat-events",
      epoch: newId<Epoch>(),
      first: 0,
      count: lines.length,
      gap: null,
      blobKey: "blob",
      readable: true,
      clockOffsetMs: -1500,
      receivedAt: new Date("2026-11-24T09:00:00Z"),
      ...change,
    };
    const waiting = [batch];
    const logged: LinkRecord[] = [];
    const deps = (spool: UpwardSpool, onMark: () => void = () => {}) => ({
      batches: {
        waiting: async () => [...waiting],
        relayed: async () => {
          onMark();
          waiting.length = 0;
        },
      },
      async *readBatch() {
        yield* lines;
      },
      dropBlob: async () => {},
      onRecords: async ({ records }: { records: readonly LinkRecord[] }) => {
        logged.push(...records);
      },
      spool,
      onAside: () => {},
      clock: systemClock,
    });
    return { batch, logged, deps };
  }

  const upward = (spool: Spool): UpwardSpool => ({
    append: async ({ product, stream, epoch }, records) => {
      const number = records.at(-1)?.number ?? 0;
      const cursor = { agent: product, stream, epoch: epoch as Epoch, number };
      await spool.append(
        stream,
        records.map(({ record }) => record),
        { cursor },
      );
    },
    declareLoss: async ({ product, stream, epoch }, { first, count, from, to }) => {
      const cursor = { agent: product, stream, epoch: epoch as Epoch, number: first + count - 1 };
      await spool.appendGap(stream, { cause: "lower-gap", count, from, to }, { cursor });
    },
  });
  const openAt = (directory: string) => openSpool({ directory, streams: STREAMS, clock: systemClock });
  const line = (number: number, record: LinkRecord | null): BatchLine => ({
    number,
    line: JSON.stringify(record),
    record,
    problem: record === null ? "not JSON" : null,
  });

  test("a kill between the spool's append and the mark numbers nothing twice", async () => {
    const directory = await mkdtemp(join(tmpdir(), "tms-relay-"));
    const lines = [line(0, makeThreatEvent()), line(1, null), line(2, makeThreatEvent())];
    const { deps } = world(lines);
    const before = await openAt(directory);
    const killed = createRelayBatches(
      deps(upward(before), () => {
        throw new Error("killed");
      }),
    );

    await expect(killed(AbortSignal.timeout(5000))).rejects.toThrow("killed");
    await before.close();
    const after = await openAt(directory);
    await createRelayBatches(deps(upward(after)))(AbortSignal.timeout(5000));
    const report = after.report().find(({ stream }) => stream === "threat-events");
    await after.close();
    await rm(directory, { recursive: true });

    expect(report?.spooledRecords).toBe(3);
  });

  test("sets the endpoint from the authenticated key and says when it was relayed", async () => {
    const forged = makeThreatEvent({ endpoint: newId<EndpointId>() });
    const { batch, logged, deps } = world([line(0, forged)]);
    const spooled: LinkRecord[] = [];
    const spool: UpwardSpool = {
      append: async (_cursor, records) => {
        spooled.push(...records.map(({ record }) => record));
      },
      declareLoss: async () => {},
    };

    await createRelayBatches(deps(spool))(AbortSignal.timeout(5000));

    const expected = {
      ...forged,
      endpoint: batch.endpoint,
      relay: { receivedAt: "2026-11-24T09:00:00.000Z", clockOffsetMs: -1500 },
    };
    expect(spooled).toEqual([expected]);
    expect(logged).toEqual([expected]);
  });

  test.each([
    ["a gap", { gap: { cause: "spool-full", from: "2026-11-24T08:00:00Z", to: "2026-11-24T08:30:00Z" } }],
    ["an unreadable batch", { readable: false }],
  ])("%s on the agent's hop goes up as a loss of all its numbers", async (_name, change) => {
    const { deps } = world([], { first: 7, count: 40, ...change });
    const losses: object[] = [];
    const spool: UpwardSpool = {
      append: async () => {},
      declareLoss: async (_cursor, loss) => {
        losses.push(loss);
      },
    };

    await createRelayBatches(deps(spool))(AbortSignal.timeout(5000));

    expect(losses).toMatchObject([{ first: 7, count: 40 }]);
  });
});

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { readBatchRecords } from "@tms/link/upper";
import type { Clock, Epoch, LinkRecord, RootCauseRecord, Stream, ThreatEventRecord } from "@tms/records";
import { type BatchStore, createRelayBatches } from "#app/agents/index.ts";
import type { createFollowDeployments } from "#app/patterns/index.ts";
import type { PassUpwards } from "#app/portal-link/index.ts";
import type { ThreatLogStore } from "#app/threat-log/index.ts";

export interface RelayParts {
  dataDir: string;
  stores: { batches: BatchStore; log: ThreatLogStore };
  upwards: PassUpwards;
  log: { warn(fields: object, text: string): void };
  clock: Clock;
}

/** Takes the agents' records over: into the threat event log, and on to the portal. */
export function composeRelay(site: RelayParts, follow: ReturnType<typeof createFollowDeployments>) {
  const { stores, upwards } = site;
  const directory = join(site.dataDir, "agent-batches");
  return createRelayBatches({
    batches: stores.batches,
    readBatch: (blobKey) => readBatchRecords(join(directory, blobKey)),
    dropBlob: (blobKey) => rm(join(directory, blobKey), { force: true }),
    onRecords: async ({ stream, endpoint, records, receivedAt, clockOffsetMs }) => {
      await keepRecords(stores.log, { stream, records, receivedAt, clockOffsetMs });
      if (stream === "threat-events") await follow.records(endpoint, records, receivedAt);
    },
    spool: {
      append: async ({ product, stream, epoch }, records) => {
        const number = records.at(-1)?.number ?? 0;
        const plain = records.map(({ record }) => record);
        await upwards.records({ source: product, stream, epoch: epoch as Epoch, number }, plain);
      },
      declareLoss: async ({ product, stream, epoch }, { first, count, from, to }) => {
        const number = first + count - 1;
        await upwards.loss({ source: product, stream, epoch: epoch as Epoch, number }, { count, from, to });
      },
    },
    onAside: (batch, aside) => {
      site.log.warn({ endpoint: batch.endpoint, batch: batch.id, records: aside.length }, "records were kept aside");
    },
    clock: site.clock,
  });
}

/** `readBatchRecords` parsed each record by its stream's schema, so the stream tells the type. */
async function keepRecords(
  log: ThreatLogStore,
  arrived: { stream: Stream; records: readonly LinkRecord[]; receivedAt: Date; clockOffsetMs: number },
): Promise<void> {
  const { receivedAt, clockOffsetMs } = arrived;
  if (arrived.stream === "threat-events") {
    const records = arrived.records as readonly ThreatEventRecord[];
    await log.insertEvents(records.map((record) => ({ record, receivedAt, clockOffsetMs })));
  } else if (arrived.stream === "root-cause") {
    const records = arrived.records as readonly RootCauseRecord[];
    await log.insertChain(records.map((record) => ({ record, receivedAt })));
  }
}

import type { Clock, EndpointId, LinkRecord, ProductId, Stream } from "@tms/records";
import type { SetAside, WaitingBatch } from "./agent.ts";
import type { BatchStore } from "./batch-store.ts";

// The relay (architecture, section 11): what agents sent goes into our own log and, numbered anew, into our own spool.
// R1 Id and body stay as the agent made them; the endpoint comes from the authenticated key, whatever the record says.
// R2 Every step is idempotent (the log by record id, the spool by its cursor), so a crash between any two of them
//    repeats work and doubles nothing; only then is the batch marked.
// R3 What was lost on the agent's hop goes up as a gap: otherwise "0 gaps" at the portal would be false.
// R4 A malformed record stops nothing: it is kept aside, counted, and declared upwards as a loss of one.

/** Where a record stood at its sender; the spool keeps it beside the record. */
export interface RelayCursor {
  product: ProductId;
  stream: Stream;
  epoch: string;
}

export interface RelayedRecord {
  number: number;
  record: LinkRecord;
}

export interface UpwardSpool {
  /** Appends records whose numbers the cursor has not passed, and is durable when it resolves. */
  append(cursor: RelayCursor, records: readonly RelayedRecord[]): Promise<void>;
  /** Declares numbers of the sender as lost; idempotent by the cursor too. */
  declareLoss(cursor: RelayCursor, loss: { first: number; count: number; from: string; to: string }): Promise<void>;
}

export interface BatchLine {
  number: number;
  line: string;
  record: LinkRecord | null;
  problem: string | null;
}

export interface RelayDeps {
  batches: Pick<BatchStore, "waiting" | "relayed">;
  readBatch: (blobKey: string) => AsyncIterable<BatchLine>;
  dropBlob: (blobKey: string) => Promise<void>;
  /** The slices that keep or follow records; each is idempotent by record id. */
  onRecords: (arrived: {
    stream: Stream;
    endpoint: EndpointId;
    records: readonly LinkRecord[];
    receivedAt: Date;
    clockOffsetMs: number;
  }) => Promise<void>;
  spool: UpwardSpool;
  onAside: (batch: WaitingBatch, aside: readonly SetAside[]) => void;
  clock: Clock;
}

const BATCHES_A_PASS = 50;

/** Passes on every waiting batch; stops between two batches when aborted. */
export function createRelayBatches(deps: RelayDeps) {
  return async function relayBatches(signal: AbortSignal): Promise<void> {
    for (;;) {
      const waiting = await deps.batches.waiting(BATCHES_A_PASS);
      for (const batch of waiting) {
        if (signal.aborted) return;
        await relayBatch(batch, deps);
      }
      if (waiting.length < BATCHES_A_PASS) return;
    }
  };
}

async function relayBatch(batch: WaitingBatch, deps: RelayDeps): Promise<void> {
  const cursor = { product: batch.product, stream: batch.stream, epoch: batch.epoch };
  const at = batch.receivedAt.toISOString();
  if (batch.gap !== null || !batch.readable) {
    const { from, to } = batch.gap ?? { from: at, to: at };
    await deps.spool.declareLoss(cursor, { first: batch.first, count: batch.count, from, to });
    await deps.batches.relayed(batch, [], deps.clock.now());
    return;
  }
  const records: RelayedRecord[] = [];
  const aside: SetAside[] = [];
  for await (const { number, line, record, problem } of deps.readBatch(batch.blobKey)) {
    if (record === null) aside.push({ number, problem: problem ?? "malformed", line });
    else records.push({ number, record: relayedRecord(record, batch) });
  }
  await deps.onRecords({
    stream: batch.stream,
    endpoint: batch.endpoint,
    records: records.map(({ record }) => record),
    receivedAt: batch.receivedAt,
    clockOffsetMs: batch.clockOffsetMs,
  });
  await passOn({ records, aside, cursor, at }, deps.spool);
  if (aside.length > 0) deps.onAside(batch, aside);
  await deps.batches.relayed(batch, aside, deps.clock.now());
  await deps.dropBlob(batch.blobKey);
}

/** In the sender's order, because the cursor only moves forwards: runs of records, and losses between them. */
async function passOn(
  parts: { records: readonly RelayedRecord[]; aside: readonly SetAside[]; cursor: RelayCursor; at: string },
  spool: UpwardSpool,
): Promise<void> {
  const lost = new Set(parts.aside.map(({ number }) => number));
  const byNumber = new Map(parts.records.map((one) => [one.number, one]));
  const numbers = [...lost, ...byNumber.keys()].sort((one, other) => one - other);
  let run: RelayedRecord[] = [];
  for (const number of numbers) {
    const record = byNumber.get(number);
    if (record !== undefined) {
      run.push(record);
      continue;
    }
    if (run.length > 0) await spool.append(parts.cursor, run);
    run = [];
    await spool.declareLoss(parts.cursor, { first: number, count: 1, from: parts.at, to: parts.at });
  }
  if (run.length > 0) await spool.append(parts.cursor, run);
}

function relayedRecord(record: LinkRecord, batch: WaitingBatch): LinkRecord {
  return {
    ...record,
    endpoint: batch.endpoint,
    relay: { receivedAt: batch.receivedAt.toISOString(), clockOffsetMs: batch.clockOffsetMs },
  };
}

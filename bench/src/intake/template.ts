import { open } from "node:fs/promises";
import { join } from "node:path";
import { openSpool } from "@tms/link/lower";
import { newId, systemClock, type ThreatEventRecord } from "@tms/records";
import { createContentDigest } from "./content-digest.ts";
import { realisticEvents } from "./realistic-events.ts";

export const STREAM = "threat-events" as const;
export const ROWS_PER_INSERT = 10_000;
const APPEND = 1_000;

/** What is made once and sent by every sample: a sealed spool, and the same events as rows in plain text. */
export interface Template {
  events: number;
  spool: string;
  /** Each holds the rows of one insert, newline-delimited JSON. */
  rowFiles: string[];
  digest: string;
  averageEventBytes: number;
}

/** Makes a spool of sealed batches with the product's own limits, and beside it the baseline's rows. */
export async function makeTemplate(directory: string, events: number): Promise<Template> {
  const spoolDirectory = join(directory, "spool");
  const digest = createContentDigest();
  const place = { customer: newId<string>(), product: newId<string>(), epoch: newId<string>() };
  const rowFiles: string[] = [];
  let bytes = 0;
  let spool = await openSpool({ directory: spoolDirectory, streams: [STREAM], clock: systemClock });
  for (let from = 0; from < events; from += ROWS_PER_INSERT) {
    const records = realisticEvents(from, Math.min(ROWS_PER_INSERT, events - from));
    for (let at = 0; at < records.length; at += APPEND) {
      const isLast = from + at + APPEND >= events;
      if (isLast) {
        // Whatever is still open is sealed by the append that reaches the limit, so that sending finds only batches.
        const sealed = spool.report()[0]?.sealedTo ?? 0;
        await spool.close();
        const limits = { sealRecords: events - sealed };
        spool = await openSpool({ directory: spoolDirectory, streams: [STREAM], clock: systemClock, limits });
      }
      await spool.append(STREAM, records.slice(at, at + APPEND));
    }
    const file = join(directory, `rows-${String(from).padStart(9, "0")}.ndjson`);
    const rows = await open(file, "wx");
    try {
      const batch = newId<string>();
      const lines = records.map((record, index) => {
        const body = JSON.stringify(record);
        digest.add(record.id, body);
        bytes += body.length;
        return JSON.stringify(rowOf(record, { ...place, batch, body, number: from + index }));
      });
      await rows.writeFile(`${lines.join("\n")}\n`);
    } finally {
      await rows.close();
    }
    rowFiles.push(file);
  }
  const [report] = spool.report();
  await spool.close();
  if (report?.sealedTo !== events) throw new Error(`sealed ${report?.sealedTo} of ${events}`);
  return {
    events,
    spool: spoolDirectory,
    rowFiles,
    digest: digest.text(),
    averageEventBytes: Math.round(bytes / events),
  };
}

/** A row as the portal's event table takes it. */
function rowOf(
  record: ThreatEventRecord,
  place: { customer: string; product: string; epoch: string; batch: string; body: string; number: number },
) {
  const { body } = record;
  return {
    customer: place.customer,
    product: place.product,
    epoch: place.epoch,
    number: place.number,
    batch: place.batch,
    id: record.id,
    endpoint: record.endpoint,
    kind: record.kind,
    occurred_at: storeTime(record.occurredAt),
    received_at: storeTime(record.occurredAt),
    body: place.body,
    chain: body.chain ?? null,
    threat: body.threatId,
    status: body.status,
    severity: body.threat.severity,
    host: body.host,
    threat_name: body.threat.name,
    rule_id: body.threat.ruleId,
    short_number: place.number + 1,
    clock_offset_ms: null,
  };
}

function storeTime(instant: string): string {
  return instant.replace("T", " ").replace("Z", "");
}

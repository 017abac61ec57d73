import { recordSchemaOf } from "@tms/contracts/link";
import type { LinkRecord } from "@tms/records";
import { isGap } from "../batch/batch-header.ts";
import { readBatch } from "../batch/read-batch.ts";
import type { Disk } from "../disk/disk.ts";
import { nodeDisk } from "../disk/node-disk.ts";

export interface BatchRecord {
  number: number;
  /** The text exactly as it was sent. */
  line: string;
  /** null if the line is no valid record of its stream; it is kept aside with `problem`. */
  record: LinkRecord | null;
  problem: string | null;
}

/**
 * The records of a stored batch, in order; a gap batch has none.
 *
 * @throws {AppError} `batch.unreadable` if the body does not decode: the batch row says so already.
 */
export async function* readBatchRecords(file: string, disk: Disk = nodeDisk): AsyncGenerator<BatchRecord> {
  const { header, lines } = await readBatch(await disk.read(file));
  if (isGap(header)) return;
  const schema = recordSchemaOf(header.stream);
  for (const [index, line] of lines.entries()) yield { number: header.first + index, line, ...parse(line, schema) };
}

function parse(
  line: string,
  schema: ReturnType<typeof recordSchemaOf>,
): { record: LinkRecord | null; problem: string | null } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // An outcome, not an error: a malformed record never stops its stream.
    return { record: null, problem: "not JSON" };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { record: parsed.data, problem: null };
  const issue = parsed.error.issues[0];
  return { record: null, problem: issue === undefined ? "malformed" : `${issue.path.join(".")}: ${issue.message}` };
}

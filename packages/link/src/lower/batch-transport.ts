import { type BatchAnswer, batchAnswerSchema } from "@tms/contracts/link";
import { AppError, type Stream } from "@tms/records";
import type { Address } from "./dial/address.ts";
import type { SpooledBatch } from "./spool/spool-port.ts";

/** One of the two ways a batch travels; the bytes are the same on both. */
export interface BatchTransport {
  send(stream: Stream, batch: SpooledBatch, signal: AbortSignal): Promise<BatchAnswer>;
  close(): Promise<void>;
}

export interface LogServerAddress extends Address {
  protocol: "ssl" | "ssh";
}

export function readBatchAnswer(text: string): BatchAnswer {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AppError("link.unreachable", { reason: "the answer is not JSON" }, { cause: error });
  }
  const parsed = batchAnswerSchema.safeParse(value);
  if (!parsed.success) throw new AppError("link.unreachable", { reason: "the answer is not a batch answer" });
  return parsed.data;
}

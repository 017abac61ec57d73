import type { CustomerId, Epoch, ProductId, Sha256, Stream } from "@tms/records";

/** Why a gap batch's numbers carry no records, in the sender's words. */
export interface DeclaredGap {
  cause: string;
  from: Date;
  to: Date;
  /** Digest that the next batch continues; null = the gap batch's own. */
  resumes: Sha256 | null;
}

/** One accepted batch; the row outlives its blob and its events. */
export interface BatchRow {
  id: string;
  product: ProductId;
  stream: Stream;
  epoch: Epoch;
  first: number;
  count: number;
  digest: Sha256;
  blobKey: string;
  /** false = kept aside whole: its numbers count as unreadable. */
  readable: boolean;
  gap: DeclaredGap | null;
  protocol: "ssl" | "ssh";
  receivedAt: Date;
  /** Rises with every accepted batch; within a stream it follows the order of commits, because of the row lock. */
  arrival: number;
}

export interface StreamPlace {
  stream: Stream;
  epoch: Epoch;
  next: number;
  head: Sha256 | null;
}

/** What the indexing job is told; ids only. */
export interface IndexJob {
  customer: CustomerId;
  product: ProductId;
  stream: Stream;
}

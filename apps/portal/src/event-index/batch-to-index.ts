import type { ProductId, Stream } from "@tms/records";

export interface BatchToIndex {
  id: string;
  epoch: string;
  /** Whether it is of the stream's first epoch, in which no record was ever sent before. */
  isFirstEpoch: boolean;
  blobKey: string;
  readable: boolean;
  gap: unknown;
  receivedAt: Date;
  arrival: number;
}

export interface StreamPlace {
  product: ProductId;
  stream: Stream;
}

export interface KeptAside {
  number: number;
  reason: string;
}

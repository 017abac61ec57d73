import type { Epoch, ProductId, Sha256, Stream } from "@tms/records";

export interface SignedPosition {
  product: ProductId;
  stream: Stream;
  epoch: Epoch;
  /** Numbers below this one are sealed into batches. */
  sealedTo: number;
  /** Digest of the last sealed batch; null before the first. */
  head: Sha256 | null;
}

/**
 * The text that a lower party signs to say how far a stream was sealed; one line a field, and the first line names the
 * purpose, so that this signature can never be taken for one over something else.
 */
export function positionText(position: SignedPosition): string {
  return [
    "tms.position/1",
    `product ${position.product}`,
    `stream ${position.stream}`,
    `epoch ${position.epoch}`,
    `sealedTo ${position.sealedTo}`,
    `head ${position.head ?? "-"}`,
    "",
  ].join("\n");
}

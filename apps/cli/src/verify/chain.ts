import type { Sha256 } from "@tms/records";

/** What a file of chained entries says, walked to its end or to the first entry that does not fit. */
export interface Chain {
  kind: "custody" | "audit";
  records: number;
  head: Sha256 | null;
  /** 0-based; null if every entry follows from the one before. */
  firstBad: number | null;
  subject: { customer: string; product: string; from: string; to: string };
}

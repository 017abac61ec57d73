import type { ErrorCode } from "@tms/records";

/** What was found in a file of one kind, before it becomes the command's last line. */
export interface Verdict {
  kind: "completeness" | "custody" | "audit";
  signers: { keyId: string; role: string }[];
  subject: { customer: string; product: string; from: string; to: string };
  records: number;
  /** Hash of the last entry; empty if there is none. */
  head: string;
  /** The first entry that is not so, 0-based, and why; null if everything is. */
  firstBad: { index: number; code: ErrorCode } | null;
  /** Whether something that was pinned beforehand bears it: a root, or a head that was kept elsewhere. */
  isPinned: boolean;
  claims: Record<string, unknown>;
}

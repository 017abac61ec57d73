import { isSha256, type Sha256 } from "@tms/records";
import { equalSecret, sha256Of } from "@tms/signing";
import { z } from "zod";
import type { Chain } from "./chain.ts";

/** What stands before the first entry. */
const CHAIN_START = "0".repeat(64);

const sha256 = z.custom<Sha256>((value) => typeof value === "string" && isSha256(value));
const entrySchema = z.object({
  number: z.int().min(1),
  id: z.string(),
  at: z.string(),
  actor: z.string(),
  action: z.string(),
  subject: z.string(),
  customer: z.string().nullable(),
  /** The JSON text as it was hashed. */
  detail: z.string(),
  previous: sha256,
  hash: sha256,
});

/**
 * An app's audit log, from its first entry on: numbers without holes, and each hash over the one before and all fields.
 *
 * @returns null if the entries are of another kind.
 */
export function auditChain(entries: readonly unknown[]): Chain | null {
  const parsed = z.array(entrySchema).min(1).safeParse(entries);
  if (!parsed.success) return null;
  let previous: string = CHAIN_START;
  let firstBad: number | null = null;
  for (const [index, entry] of parsed.data.entries()) {
    const { number, id, at, actor, action, subject, customer, detail } = entry;
    const text = JSON.stringify([entry.previous, number, id, at, actor, action, subject, customer, detail]);
    const fits =
      number === index + 1 && equalSecret(entry.previous, previous) && equalSecret(sha256Of(text), entry.hash);
    if (!fits) {
      firstBad = index;
      break;
    }
    previous = entry.hash;
  }
  const [first, last] = [parsed.data[0], parsed.data.at(-1)];
  const subject = { customer: first?.customer ?? "", product: "", from: first?.at ?? "", to: last?.at ?? "" };
  return { kind: "audit", records: parsed.data.length, head: isSha256(previous) ? previous : null, firstBad, subject };
}

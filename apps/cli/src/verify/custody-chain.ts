import { isSha256, type Sha256 } from "@tms/records";
import { equalSecret, sha256Of } from "@tms/signing";
import { z } from "zod";
import type { Chain } from "./chain.ts";

const entrySchema = z.object({
  at: z.string(),
  who: z.string(),
  action: z.string(),
  detail: z.string(),
  hash: z.custom<Sha256>((value) => typeof value === "string" && isSha256(value)),
});

/**
 * The custody log of a forensic package: each hash covers the one before it and the entry's own fields.
 *
 * @returns null if the entries are of another kind.
 */
export function custodyChain(entries: readonly unknown[]): Chain | null {
  const parsed = z.array(entrySchema).min(1).safeParse(entries);
  if (!parsed.success) return null;
  let previous: Sha256 | null = null;
  let firstBad: number | null = null;
  for (const [index, entry] of parsed.data.entries()) {
    const expected: Sha256 = sha256Of(
      JSON.stringify([previous, instantText(entry.at), entry.who, entry.action, entry.detail]),
    );
    if (!equalSecret(expected, entry.hash)) {
      firstBad = index;
      break;
    }
    previous = entry.hash;
  }
  const [first, last] = [parsed.data[0], parsed.data.at(-1)];
  const subject = { customer: "", product: "", from: first?.at ?? "", to: last?.at ?? "" };
  return { kind: "custody", records: parsed.data.length, head: previous, firstBad, subject };
}

/** The form that was hashed: milliseconds, UTC. */
function instantText(text: string): string {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? text : at.toISOString();
}

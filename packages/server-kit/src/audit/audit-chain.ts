import { createHash } from "node:crypto";

/** An entry as it is hashed: every field as text, in one fixed order. */
export interface ChainedEntry {
  number: number;
  id: string;
  at: string;
  actor: string;
  action: string;
  subject: string;
  customer: string | null;
  /** The JSON text itself; another spacing is another hash. */
  detail: string;
  previous: string;
}

export const CHAIN_START = "0".repeat(64);

/** The hash of an entry covers the hash of the one before it, so no entry can change or go without breaking all later ones. */
export function entryHash(entry: ChainedEntry): string {
  const { number, id, at, actor, action, subject, customer, detail, previous } = entry;
  const text = JSON.stringify([previous, number, id, at, actor, action, subject, customer, detail]);
  return createHash("sha256").update(text).digest("hex");
}

export type ChainVerdict =
  | { ok: true; entries: number }
  | { ok: false; number: number; problem: "missing" | "changed" | "unlinked" | "cut" };

/** Checks one entry against its place; null means it fits. */
export function checkEntry(
  entry: ChainedEntry & { hash: string },
  expected: { number: number; previous: string },
): Exclude<ChainVerdict, { ok: true }> | null {
  if (entry.number !== expected.number) return { ok: false, number: expected.number, problem: "missing" };
  if (entry.previous !== expected.previous) return { ok: false, number: entry.number, problem: "unlinked" };
  if (entryHash(entry) !== entry.hash) return { ok: false, number: entry.number, problem: "changed" };
  return null;
}

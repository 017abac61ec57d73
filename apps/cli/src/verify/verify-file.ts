import { AppError, isSha256, type Sha256 } from "@tms/records";
import { onlyPositional, readArguments } from "../shell/arguments.ts";
import type { Command, CommandLine } from "../shell/command.ts";
import { readInput } from "../shell/files.ts";
import { auditChain } from "./audit-chain.ts";
import type { Chain } from "./chain.ts";
import { isCompleteness, judgeCompleteness } from "./completeness.ts";
import { readRoots } from "./completeness-root.ts";
import { custodyChain } from "./custody-chain.ts";
import type { Verdict } from "./verdict.ts";

/** An export of a year of a busy portal; more is verified in parts. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;

export const verifyFile: Command = {
  name: "verify",
  schema: "tms.verify/1",
  usage: "tms verify FILE [--root CA-PIN | CONNECTION.json | CA.pem] [--expect-head SHA256]",
  async run(argv, io) {
    const args = readArguments(argv, { root: { type: "string" }, "expect-head": { type: "string" } });
    const path = onlyPositional(args, "FILE");
    const expected = args.text("expect-head");
    if (expected !== undefined && !isSha256(expected)) throw new AppError("cli.usage", { "expect-head": expected });
    const root = args.text("root");
    const roots = root === undefined ? null : await readRoots(root);
    const text = (await readInput(path, { maxBytes: MAX_FILE_BYTES })).toString("utf8");
    // A root pins signers; a custody or audit log is an unsigned chain, whose only pin is its head.
    const verdict = isCompleteness(text)
      ? judgeCompleteness(text, { roots, expectedHead: expected ?? null })
      : verdictOf(chainIn(text, path), expected ?? null);
    const line = lineOf(verdict);
    io.say(line.ok ? goodText(verdict) : String(line.text));
    return { exit: line.ok ? 0 : line.code === "verify.root_missing" ? 3 : 1, line };
  },
};

function lineOf(verdict: Verdict): CommandLine {
  const { isPinned, ...said } = verdict;
  const code = verdict.firstBad?.code ?? (isPinned ? null : "verify.root_missing");
  if (code === null) return { schema: "tms.verify/1", ok: true, ...said };
  const { text, cure } = new AppError(code).row;
  return { schema: "tms.verify/1", ok: false, ...said, code, text, cure };
}

function goodText({ kind, records, claims }: Verdict): string {
  if (kind !== "completeness") return `The ${kind} log is whole: ${records} entries.`;
  return (
    `The certificate is good: ${records} of ${claims.sealed} records received, ${claims.lost} lost, ` +
    `${claims.unreadable} unreadable, ${claims.erased} erased by retention.`
  );
}

/**
 * A hash chain proves that its entries belong together; only a head that was kept elsewhere proves that they are all
 * there. So an unbroken chain without such a head is not yet true, and a cut tail is false.
 */
function verdictOf(chain: Chain, expected: Sha256 | null): Verdict {
  const isOther = expected !== null && chain.head !== expected;
  const badIndex = chain.firstBad ?? (isOther ? chain.records : null);
  return {
    kind: chain.kind,
    signers: [],
    subject: chain.subject,
    records: chain.records,
    head: chain.head ?? "",
    firstBad: badIndex === null ? null : { index: badIndex, code: "verify.chain_broken" },
    isPinned: expected !== null,
    claims: {},
  };
}

function chainIn(text: string, path: string): Chain {
  const entries = entriesIn(text);
  const chain = custodyChain(entries) ?? auditChain(entries);
  if (chain === null) throw new AppError("verify.kind_unknown", { path });
  return chain;
}

/** A JSON list, an object that holds one (a case's package, as the portal shows it), or one entry a line. */
function entriesIn(text: string): unknown[] {
  const whole = parsed(text);
  if (Array.isArray(whole)) return whole;
  if (typeof whole === "object" && whole !== null) {
    const held = Object.entries(whole).find(
      ([key, value]) => ["custody", "entries", "rows"].includes(key) && Array.isArray(value),
    );
    if (held !== undefined && Array.isArray(held[1])) return held[1];
    return [whole];
  }
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map(parsed);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not one document: the caller reads lines; a line that is no JSON fits no kind and is refused as such.
    return undefined;
  }
}

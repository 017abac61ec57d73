import { AppError, type ErrorCode, isSha256, type Sha256 } from "@tms/records";
import { onlyPositional, readArguments } from "../shell/arguments.ts";
import type { Command, CommandLine } from "../shell/command.ts";
import { readInput } from "../shell/files.ts";
import { auditChain } from "./audit-chain.ts";
import type { Chain } from "./chain.ts";
import { custodyChain } from "./custody-chain.ts";

/** An export of a year of a busy portal; more is verified in parts. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;

export const verifyFile: Command = {
  name: "verify",
  schema: "tms.verify/1",
  usage: "tms verify FILE [--expect-head SHA256]",
  async run(argv, io) {
    const args = readArguments(argv, { root: { type: "string" }, "expect-head": { type: "string" } });
    const path = onlyPositional(args, "FILE");
    // `--root` pins signers; the kinds of today are unsigned chains, whose only pin is their head.
    const expected = args.text("expect-head");
    if (expected !== undefined && !isSha256(expected)) throw new AppError("cli.usage", { "expect-head": expected });
    const chain = chainIn(await readInput(path, { maxBytes: MAX_FILE_BYTES }), path);
    const line = lineOf(chain, expected ?? null);
    const code = line.code as ErrorCode | undefined;
    io.say(code === undefined ? `The ${chain.kind} log is whole: ${chain.records} entries.` : String(line.text));
    return { exit: code === undefined ? 0 : code === "verify.root_missing" ? 3 : 1, line };
  },
};

/**
 * A hash chain proves that its entries belong together; only a head that was kept elsewhere proves that they are all
 * there. So an unbroken chain without such a head is not yet true, and a cut tail is false.
 */
function lineOf(chain: Chain, expected: Sha256 | null): CommandLine {
  const base = {
    schema: "tms.verify/1",
    kind: chain.kind,
    signers: [],
    subject: chain.subject,
    records: chain.records,
    head: chain.head ?? "",
    claims: {},
  };
  if (chain.firstBad !== null) {
    const firstBad = { index: chain.firstBad, code: "verify.chain_broken" };
    return { ...base, ok: false, firstBad, ...told("verify.chain_broken") };
  }
  if (expected === null) return { ...base, ok: false, firstBad: null, ...told("verify.root_missing") };
  if (chain.head !== expected) {
    const firstBad = { index: chain.records, code: "verify.chain_broken" };
    return { ...base, ok: false, firstBad, ...told("verify.chain_broken") };
  }
  return { ...base, ok: true, firstBad: null };
}

function told(code: ErrorCode) {
  const { text, cure } = new AppError(code).row;
  return { code, text, cure };
}

function chainIn(bytes: Buffer, path: string): Chain {
  const entries = entriesIn(bytes.toString("utf8"));
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

import { X509Certificate } from "node:crypto";
import {
  COMPLETENESS_SCHEMA,
  type CompletenessStatement,
  certifiedBatchSchema,
  completenessFirstLineSchema,
  completenessStatementSchema,
  STATEMENTS_URI,
} from "@tms/contracts";
import { AppError, type ErrorCode, type Sha256 } from "@tms/records";
import { type CertifiedBatch, certifiedBatchHash, equalSecret, openSigned } from "@tms/signing";
import type { z } from "zod";
import { spkiDerOf, spkiOf } from "./completeness-root.ts";
import { mismatchIn, senderKeys } from "./completeness-sums.ts";
import type { Verdict } from "./verdict.ts";

// A signed completeness certificate, judged without asking the portal.
// V1  The statement is signed by a key that the pinned CA certified for statements when it was made; a product's
//     certificate, though of the same CA, is not for that.
// V2  What is parsed are the bytes that were verified.
// V3  The lines are those that the statement counted: the signed head finds a cut tail, whatever was cut.

const NOTHING: Omit<Verdict, "firstBad" | "isPinned"> = {
  kind: "completeness",
  signers: [],
  subject: { customer: "", product: "", from: "", to: "" },
  records: 0,
  head: "",
  claims: {},
};

/** By its first bytes, so that one that was cut within its first line is judged, and not taken for another kind. */
export function isCompleteness(text: string): boolean {
  return text.startsWith(`{"schema":"${COMPLETENESS_SCHEMA}"`);
}

/** @param roots CAs that are trusted; null = none was named, and the enclosed one proves nothing. */
export function judgeCompleteness(
  text: string,
  { roots, expectedHead }: { roots: readonly Sha256[] | null; expectedHead: string | null },
): Verdict {
  const [firstText = "", ...lineTexts] = text.split("\n").filter((line) => line !== "");
  const isPinned = roots !== null;
  const bad = (code: ErrorCode, index = 0, said: Partial<Verdict> = {}): Verdict => ({
    ...NOTHING,
    ...said,
    isPinned,
    firstBad: { index, code },
  });
  const first = completenessFirstLineSchema.safeParse(parsed(firstText));
  if (!first.success) return bad("verify.statement_malformed");
  const opened = openStatement(first.data, roots);
  if ("code" in opened) return bad(opened.code);
  const { statement } = opened;
  const said = saidBy(statement, first.data.statement.keyId);
  const { lines, brokenAt } = readLines(lineTexts, statement);
  if (brokenAt !== null) return bad("verify.chain_broken", brokenAt, said);
  const mismatch = mismatchIn(statement, lines);
  if (mismatch !== null) return bad(mismatch.code, mismatch.index, said);
  if (expectedHead !== null && expectedHead !== said.head) return bad("verify.chain_broken", lines.length, said);
  return { ...said, isPinned, firstBad: null };
}

type FirstLine = z.infer<typeof completenessFirstLineSchema>;

function openStatement(
  { statement: signed, certificates }: FirstLine,
  roots: readonly Sha256[] | null,
): { statement: CompletenessStatement } | { code: ErrorCode } {
  const [signer, authority] = certificates.map(certificateIn);
  if (signer == null || authority == null || !isCertified(signer, authority, roots)) {
    return { code: "verify.signer_untrusted" };
  }
  let bytes: Buffer;
  try {
    bytes = openSigned(signed, spkiDerOf(signer));
  } catch (error) {
    if (error instanceof AppError && error.code === "link.signature_invalid")
      return { code: "verify.signature_invalid" };
    throw error;
  }
  const statement = completenessStatementSchema.safeParse(parsed(bytes.toString("utf8")));
  if (!statement.success) return { code: "verify.statement_malformed" };
  const madeAt = new Date(statement.data.madeAt);
  const inTime = madeAt >= new Date(signer.validFrom) && madeAt <= new Date(signer.validTo);
  return inTime ? { statement: statement.data } : { code: "verify.signer_untrusted" };
}

function isCertified(signer: X509Certificate, authority: X509Certificate, roots: readonly Sha256[] | null): boolean {
  const pinned = roots === null || roots.some((root) => equalSecret(root, spkiOf(authority)));
  const names = signer.subjectAltName?.split(", ") ?? [];
  return (
    pinned &&
    authority.ca &&
    !signer.ca &&
    signer.checkIssued(authority) &&
    signer.verify(authority.publicKey) &&
    names.length === 1 &&
    names[0] === `URI:${STATEMENTS_URI}`
  );
}

function certificateIn(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    // What is no certificate certifies nothing; the caller says so.
    return null;
  }
}

/** Each hash covers the line before; the last one is signed. */
function readLines(
  texts: readonly string[],
  { batches, head }: CompletenessStatement,
): { lines: CertifiedBatch[]; brokenAt: number | null } {
  const lines: CertifiedBatch[] = [];
  let previous: Sha256 | null = null;
  for (const [index, text] of texts.entries()) {
    const line = certifiedBatchSchema.safeParse(parsed(text));
    if (!line.success) return { lines, brokenAt: index };
    const { hash, ...batch } = line.data;
    if (!equalSecret(certifiedBatchHash(previous, batch), hash)) return { lines, brokenAt: index };
    lines.push(batch);
    previous = hash;
  }
  const isWhole = lines.length === batches && (previous ?? "") === (head ?? "");
  return { lines, brokenAt: isWhole ? null : Math.min(lines.length, batches) };
}

function saidBy(statement: CompletenessStatement, keyId: string): Omit<Verdict, "firstBad" | "isPinned"> {
  const { customer, product, from, to, sums, streams, portal, madeAt } = statement;
  const losses = streams.flatMap(({ stream, epochs }) =>
    epochs.flatMap(({ epoch, lost }) => lost.map((loss) => ({ stream, epoch, ...loss }))),
  );
  return {
    kind: "completeness",
    signers: [
      { keyId, role: "portal" },
      ...senderKeys(statement).map((sender) => ({ keyId: sender, role: "product" })),
    ],
    subject: { customer: customer.id, product: product.id, from, to },
    records: sums.received,
    head: statement.head ?? "",
    claims: {
      ...sums,
      complete: sums.lost === 0 && sums.unreadable === 0,
      losses,
      customerName: customer.name,
      productName: product.name,
      portal,
      madeAt,
      batches: statement.batches,
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON has none of the forms that the callers look for.
    return null;
  }
}

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CertifiedEpoch, CompletenessStatement } from "@tms/contracts";
import { type Authority, createAuthority, createStatementSigner, type StatementSigner } from "@tms/link";
import { type Clock, type CustomerId, type Epoch, newId, type ProductId, type Sha256, type Stream } from "@tms/records";
import { type CertifiedBatch, certifiedBatchHash, makeEd25519, positionText, sha256Of, signBytes } from "@tms/signing";

// A certificate as a portal makes it, over two epochs of one stream and one of another, and the means to forge one.

export const AT = "2026-11-24T09:00:00.000Z";
const GAP = { cause: "spool-full", from: "2026-11-10T02:10:04.000Z", to: "2026-11-10T02:14:51.000Z" };
const clock: Clock = { now: () => new Date(AT) };

export interface ForgedParts {
  statement: CompletenessStatement;
  lines: CertifiedBatch[];
}

export interface CertificateWorld {
  authority: Authority;
  product: ProductId;
  /** A file of these parts, signed by the portal's own key; the lines are chained anew unless `keep` says otherwise. */
  fileOf(parts: ForgedParts, keep?: { head: Sha256 | null; batches: number }): Promise<string>;
  good(): ForgedParts;
  /** The product's signature over whatever position is told. */
  signed(
    of: { stream: Stream; epoch: Epoch; product?: ProductId },
    position: { sealedTo: number; head: Sha256 | null },
  ): CertifiedEpoch["sender"];
}

export async function certificateWorld(): Promise<CertificateWorld & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), "completeness-"));
  const authority = await createAuthority({ directory, name: "Portal CA", clock });
  const signer = await createStatementSigner(directory, authority);
  const [product, sender] = [newId<ProductId>(), makeEd25519()];
  const signed: CertificateWorld["signed"] = (of, position) => {
    const text = positionText({ product, ...of, ...position });
    return {
      ...position,
      signature: signBytes(sender.privatePkcs8Pem, Buffer.from(text, "utf8")).toString("base64"),
      signingKey: sender.publicSpki.toString("base64"),
      saidAt: AT,
    };
  };
  return {
    authority,
    product,
    signed,
    good: () => goodParts(product, signed),
    fileOf: (parts, keep) => fileOf(signer, parts, keep),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

async function fileOf(
  signer: StatementSigner,
  { statement, lines }: ForgedParts,
  keep?: { head: Sha256 | null; batches: number },
) {
  const { texts, head } = chained(lines);
  const told = { ...statement, ...(keep ?? { head, batches: lines.length }) };
  const { signed, certificates } = await signer.sign(Buffer.from(JSON.stringify(told), "utf8"));
  const first = JSON.stringify({ schema: "tms.completeness/1", statement: signed, certificates });
  return `${[first, ...texts].join("\n")}\n`;
}

export function chained(lines: readonly CertifiedBatch[]): { texts: string[]; head: Sha256 | null } {
  let head: Sha256 | null = null;
  const texts = lines.map((line) => {
    head = certifiedBatchHash(head, line);
    return JSON.stringify({ ...line, hash: head });
  });
  return { texts, head };
}

function goodParts(product: ProductId, signed: CertificateWorld["signed"]): ForgedParts {
  const [old, now, other] = [newId<Epoch>(), newId<Epoch>(), newId<Epoch>()];
  const stream = "threat-events" as const;
  const ended = [batch({ stream, epoch: old, first: 0, count: 10 })];
  const current = [
    batch({ stream, epoch: now, first: 40, count: 20 }),
    batch({ stream, epoch: now, first: 60, count: 5, kind: "gap", gap: GAP }),
    batch({ stream, epoch: now, first: 65, count: 3, kind: "unreadable" }),
    batch({ stream, epoch: now, first: 68, count: 12 }),
  ];
  const audit = [batch({ stream: "audit", epoch: other, first: 0, count: 4 })];
  const lost = { cause: "epoch-ended", first: 10, count: 2, from: AT, to: AT };
  const epochs = [
    epoch({
      lines: ended,
      lost: [lost],
      sender: signed({ stream, epoch: old }, { sealedTo: 12, head: sha256Of("x") }),
    }),
    epoch({
      lines: current,
      previous: sha256Of("before"),
      lost: [{ ...GAP, first: 60, count: 5 }],
      sender: signed({ stream, epoch: now }, { sealedTo: 80, head: headOf(current) }),
    }),
  ];
  const auditEpoch = epoch({
    lines: audit,
    afterwards: { arrived: 6, head: sha256Of("later"), waiting: 3, lost: 0 },
    sender: signed({ stream: "audit", epoch: other }, { sealedTo: 13, head: sha256Of("unsent") }),
  });
  const lines = [...ended, ...current, ...audit];
  const statement: CompletenessStatement = {
    schema: "tms.completeness-statement/1",
    portal: "Portal",
    customer: { id: newId<CustomerId>(), name: "acme" },
    product: { id: product, name: "north-office" },
    from: "2026-11-01T00:00:00.000Z",
    to: AT,
    madeAt: AT,
    streams: [
      { stream, epochs },
      { stream: "root-cause", epochs: [] },
      { stream: "audit", epochs: [auditEpoch] },
    ],
    sums: { sealed: 56, received: 46, unreadable: 3, lost: 7, erased: 0, waiting: 3 },
    batches: lines.length,
    head: null,
  };
  return { statement, lines };
}

function headOf(lines: readonly CertifiedBatch[]): Sha256 | null {
  return lines.at(-1)?.head ?? null;
}

function batch(
  of: Pick<CertifiedBatch, "stream" | "epoch" | "first" | "count"> & Partial<CertifiedBatch>,
): CertifiedBatch {
  const digest = sha256Of(`${of.epoch} ${of.first}`);
  return { kind: "records", digest, head: digest, receivedAt: "2026-11-20T00:00:00.000Z", gap: null, ...of };
}

function epoch(
  of: { lines: CertifiedBatch[]; sender: CertifiedEpoch["sender"] } & Partial<CertifiedEpoch>,
): CertifiedEpoch {
  const { lines, ...more } = of;
  const [first, last] = [lines[0], lines.at(-1)];
  const counted = (kind: CertifiedBatch["kind"]) =>
    lines.filter((line) => line.kind === kind).reduce((total, line) => total + line.count, 0);
  return {
    epoch: first?.epoch ?? newId<Epoch>(),
    first: first?.first ?? 0,
    previous: null,
    next: (last?.first ?? 0) + (last?.count ?? 0),
    head: headOf(lines),
    batches: lines.length,
    received: counted("records"),
    repeated: 1,
    keptAside: 0,
    notYetIndexed: 0,
    unreadable: counted("unreadable"),
    erased: 0,
    lost: [],
    afterwards: { arrived: 0, head: null, waiting: 0, lost: 0 },
    ...more,
  };
}

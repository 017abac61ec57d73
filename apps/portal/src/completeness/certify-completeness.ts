import {
  AppError,
  type Clock,
  type CustomerScope,
  type ProductId,
  type Sha256,
  STREAMS,
  type Stream,
} from "@tms/records";
import type { SignedBytes } from "@tms/signing";
import {
  type CertifiedEpochFacts,
  type CertifiedStream,
  certifiedStream,
  chainLines,
  type Period,
  type StreamFacts,
} from "./certified-stream.ts";

export interface CertifyDeps {
  /** Read one after the other, the sender's word first: what arrives meanwhile is only more than it said. */
  factsOf(scope: CustomerScope, of: { product: ProductId; stream: Stream }): Promise<StreamFacts>;
  /** Signs with the portal's key for statements, and certifies that key anew. */
  sign(bytes: Uint8Array): Promise<{ signed: SignedBytes; certificates: [string, string] }>;
  portal: string;
  clock: Clock;
}

export interface CertificateRequest {
  customer: { id: CustomerScope["customer"]; name: string };
  product: { id: ProductId; name: string };
  period: Period;
}

export interface CompletenessFile {
  content: string;
  head: Sha256 | null;
  sums: Sums;
}

export interface Sums {
  sealed: number;
  received: number;
  unreadable: number;
  lost: number;
  erased: number;
  waiting: number;
}

/** One line is about 400 bytes: 20 MB. At one batch a minute in each stream these are eleven days; at 15 minutes, half a year. */
export const MAX_CERTIFIED_BATCHES = 50_000;

/**
 * Makes the signed certificate of what of a product arrived in a period.
 *
 * @throws {AppError} `completeness.period_invalid`, `completeness.period_too_long`
 */
export function createCertifyCompleteness(deps: CertifyDeps) {
  return async function certifyCompleteness(request: CertificateRequest): Promise<CompletenessFile> {
    const { customer, product, period } = request;
    const madeAt = deps.clock.now();
    if (!(period.from < period.to) || period.to > madeAt) throw new AppError("completeness.period_invalid", {});
    const streams: CertifiedStream[] = [];
    for (const stream of STREAMS) {
      const facts = await deps.factsOf({ customer: customer.id }, { product: product.id, stream });
      streams.push(certifiedStream(facts, period));
    }
    const batches = streams.flatMap((stream) => stream.lines);
    if (batches.length > MAX_CERTIFIED_BATCHES) {
      throw new AppError("completeness.period_too_long", { batches: batches.length, most: MAX_CERTIFIED_BATCHES });
    }
    const { lines, head } = chainLines(batches);
    const sums = sumsOf(streams.flatMap((stream) => stream.epochs));
    const statement = {
      schema: "tms.completeness-statement/1",
      portal: deps.portal,
      customer,
      product,
      from: period.from.toISOString(),
      to: period.to.toISOString(),
      madeAt: madeAt.toISOString(),
      streams: streams.map(({ stream, epochs }) => ({ stream, epochs })),
      sums,
      batches: lines.length,
      head,
    };
    const { signed, certificates } = await deps.sign(Buffer.from(JSON.stringify(statement), "utf8"));
    const first = JSON.stringify({ schema: "tms.completeness/1", statement: signed, certificates });
    return { content: `${[first, ...lines].join("\n")}\n`, head, sums };
  };
}

function sumsOf(epochs: readonly CertifiedEpochFacts[]): Sums {
  const total = (pick: (epoch: CertifiedEpochFacts) => number) => epochs.reduce((sum, one) => sum + pick(one), 0);
  const received = total((one) => one.received);
  const unreadable = total((one) => one.unreadable);
  const erased = total((one) => one.erased);
  const lost = total((one) => one.lost.reduce((sum, loss) => sum + loss.count, 0));
  const waiting = total((one) => one.afterwards.waiting);
  return { sealed: received + unreadable + lost + erased, received, unreadable, lost, erased, waiting };
}

import type { CertifiedEpoch, CompletenessStatement, CompletenessSums } from "@tms/contracts";
import { type ErrorCode, type Sha256, STREAMS, type Stream } from "@tms/records";
import { type CertifiedBatch, keyIdOf, positionText, verifyBytes } from "@tms/signing";

// Whether a completeness certificate adds up, from its lines alone; who signed it is judged elsewhere.
// S1  Every stream stands there once; every line belongs to an epoch that the statement names, and follows the one
//     before it by number.
// S2  What the statement says of an epoch is what its lines say, and its sums are those of its epochs.
// S3  A loss has a cause: each gap line is named with its cause and time, and nothing else is.
// S4  The lines end where the sender signed that they end; what it signed beyond has arrived later, waits, or is lost.

export interface Mismatch {
  index: number;
  code: ErrorCode;
}

interface EpochPlace {
  stream: Stream;
  told: CertifiedEpoch;
  /** Index of its first line in the file. */
  at: number;
  lines: readonly CertifiedBatch[];
}

/** The first thing that does not add up, or null. */
export function mismatchIn(statement: CompletenessStatement, lines: readonly CertifiedBatch[]): Mismatch | null {
  const names = statement.streams.map(({ stream }) => stream);
  if (STREAMS.some((stream) => !names.includes(stream))) return { index: 0, code: "verify.statement_malformed" };
  let at = 0;
  for (const { stream, epochs } of statement.streams) {
    for (const told of epochs) {
      const own = lines.slice(at, at + told.batches);
      const place = { stream, told, at, lines: own };
      const wrong = wrongLine(place) ?? wrongFigure(place) ?? wrongSender(statement, place);
      if (wrong !== null) return wrong;
      at += own.length;
    }
  }
  // A line of an epoch that the statement does not name.
  if (at !== lines.length) return { index: at, code: "verify.sums_differ" };
  return sameSums(statement) ? null : { index: 0, code: "verify.sums_differ" };
}

/** Of every epoch the sender signed itself, with its own key. */
export function senderKeys(statement: CompletenessStatement): string[] {
  const keys = statement.streams.flatMap(({ epochs }) => epochs.map(({ sender }) => sender.signingKey));
  return [...new Set(keys)].map((key) => keyIdOf(Buffer.from(key, "base64")));
}

function wrongLine({ stream, told, at, lines }: EpochPlace): Mismatch | null {
  let next = told.first;
  for (const [index, line] of lines.entries()) {
    const fits = line.stream === stream && line.epoch === told.epoch && line.first === next;
    if (!fits || (line.kind === "gap") !== (line.gap !== null))
      return { index: at + index, code: "verify.sums_differ" };
    next += line.count;
  }
  return lines.length === told.batches && next === told.next ? null : { index: at, code: "verify.sums_differ" };
}

function wrongFigure({ told, at, lines }: EpochPlace): Mismatch | null {
  const ofKind = (kind: CertifiedBatch["kind"]) => lines.filter((line) => line.kind === kind);
  const gaps = ofKind("gap");
  const declared = told.lost.filter(({ cause }) => !FOUND_BY_THE_PORTAL.includes(cause));
  const missing = sum(told.lost.filter(({ cause }) => cause === "missing-in-store").map((loss) => loss.count));
  const carried = sum(ofKind("records").map((line) => line.count));
  const head = lines.at(-1)?.head ?? told.previous;
  const good =
    carried === told.received + told.erased + missing &&
    sum(ofKind("unreadable").map((line) => line.count)) === told.unreadable &&
    told.repeated + told.keptAside + told.notYetIndexed <= told.received &&
    head === told.head &&
    declared.length === gaps.length &&
    gaps.every((line, index) => isSameLoss(line, declared[index]));
  return good ? null : { index: at, code: "verify.sums_differ" };
}

const FOUND_BY_THE_PORTAL = ["missing-in-store", "epoch-ended"];

function isSameLoss({ first, count, gap }: CertifiedBatch, loss: CertifiedEpoch["lost"][number] | undefined): boolean {
  if (loss === undefined || gap === null) return false;
  const same = loss.cause === gap.cause && loss.from === gap.from && loss.to === gap.to;
  return same && loss.first === first && loss.count === count;
}

function wrongSender(statement: CompletenessStatement, place: EpochPlace): Mismatch | null {
  const { stream, told, at, lines } = place;
  const { sender, afterwards } = told;
  const text = positionText({ product: statement.product.id, stream, epoch: told.epoch, ...sender });
  const [key, signature] = [sender.signingKey, sender.signature].map((base64) => Buffer.from(base64, "base64"));
  if (key === undefined || signature === undefined || !verifyBytes(key, Buffer.from(text, "utf8"), signature)) {
    return { index: at, code: "verify.signature_invalid" };
  }
  const reached = told.next + afterwards.arrived;
  const endLosses = told.lost.filter(({ cause }) => cause === "epoch-ended");
  const missing = sum(endLosses.map((loss) => loss.count)) + afterwards.waiting + afterwards.lost;
  const end = { index: at + lines.length, code: "verify.head_differs" as const };
  if (reached + missing !== Math.max(reached, sender.sealedTo)) return end;
  if (endLosses.some((loss) => loss.first !== reached)) return end;
  if (sender.sealedTo > reached) return null;
  const signed = afterwards.arrived > 0 ? headAfterwards(told) : headAt(place, sender.sealedTo);
  return signed === "earlier" || signed === sender.head ? null : end;
}

/** What arrived later ends exactly where the sender signed, so its head is the signed one. */
function headAfterwards({ next, afterwards, sender }: CertifiedEpoch): Sha256 | null | undefined {
  return next + afterwards.arrived === sender.sealedTo ? afterwards.head : undefined;
}

/** The digest that continues at a number; undefined if no batch ends there. */
function headAt({ told, lines }: EpochPlace, number: number): Sha256 | null | undefined | "earlier" {
  if (number < told.first) return "earlier";
  if (number === told.first) return told.previous;
  return lines.find((line) => line.first + line.count === number)?.head;
}

function sameSums({ streams, sums }: CompletenessStatement): boolean {
  const epochs = streams.flatMap((stream) => stream.epochs);
  const total = (pick: (epoch: CertifiedEpoch) => number) => sum(epochs.map(pick));
  const found: Omit<CompletenessSums, "sealed"> = {
    received: total((one) => one.received),
    unreadable: total((one) => one.unreadable),
    erased: total((one) => one.erased),
    lost: total((one) => sum(one.lost.map((loss) => loss.count))),
    waiting: total((one) => one.afterwards.waiting),
  };
  const { received, unreadable, erased, lost, waiting } = found;
  return (
    sums.received === received &&
    sums.unreadable === unreadable &&
    sums.erased === erased &&
    sums.lost === lost &&
    sums.waiting === waiting &&
    sums.sealed === received + unreadable + erased + lost
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

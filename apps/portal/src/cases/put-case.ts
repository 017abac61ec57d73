import { AppError, type CaseId, type CaseState, type CustomerScope, type ProductId } from "@tms/records";
import { type Case, type CaseReport, isSameQuestion, stateAfter, type TimelineEntry } from "./case.ts";

export type NewEntry = Omit<TimelineEntry, "at">;

export interface CaseTransaction {
  known: Case | null;
  open(report: CaseReport, product: ProductId): Promise<void>;
  /** Moves the case on: state, next change number, timeline. */
  move(
    state: CaseState | null,
    entry: NewEntry,
    extra?: { pattern?: Case["pattern"]; takenBy?: string },
  ): Promise<void>;
  read(): Promise<Case>;
}

export interface CaseLock {
  /** Holds the customer's counters and the case's row. */
  locked<T>(scope: CustomerScope, id: CaseId, work: (tx: CaseTransaction) => Promise<T>): Promise<T>;
}

/**
 * Opens a case, or takes the mitigator's word on where collecting stands; the same call again changes nothing.
 *
 * @throws {AppError} `case.differs` if the id is taken by another question.
 */
export function createPutCase(deps: { cases: CaseLock }) {
  return (scope: CustomerScope, from: { id: CaseId; product: ProductId }, report: CaseReport): Promise<Case> =>
    deps.cases.locked(scope, from.id, async (tx) => {
      if (tx.known === null) {
        await tx.open(report, from.product);
        return tx.read();
      }
      if (!isSameQuestion(tx.known, report, from.product)) throw new AppError("case.differs", { case: from.id });
      const next = stateAfter(tx.known.state, { kind: "reported", state: report.state });
      if (next === null) return tx.known;
      await tx.move(next, {
        state: next,
        text: REPORTED_TEXT[report.state],
        who: whoSays(report, from.product),
        detail: null,
      });
      return tx.read();
    });
}

/** People withdraw; collecting and sending are the mitigator's word. It is named as in the package's custody. */
function whoSays(report: CaseReport, product: ProductId): string {
  return report.state === "withdrawn" ? report.openedBy : `product ${product}`;
}

const REPORTED_TEXT: Record<CaseReport["state"], string> = {
  submitted: "Submitted.",
  collecting: "The endpoint collects the forensic package.",
  "endpoint-away": "The endpoint is away. Collecting waits for it.",
  "package-uploading": "The package is on its way to the portal.",
  "package-failed": "The package could not be collected.",
  withdrawn: "Withdrawn by the customer.",
};

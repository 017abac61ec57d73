/** What must hold whatever happens; architecture.md, sections 5 and 11, and issue 4. */
export const INVARIANTS = {
  "I1-acknowledged-is-stored": "A batch that was acknowledged has its row and its bytes after every crash.",
  "I2-counted-once": "No record id stands twice in the event log, and none that nobody sent.",
  "I3-damage-stops-nothing": "A damaged record is kept aside, and its stream goes on to the end.",
  "I4-lower-clock-decides-nothing": "Liveness and hints come out the same, however wrong a lower party's clock is.",
  "I5-epoch-ends": "An epoch that ended, or was behind when its party was restored, never continues.",
  "nothing-lost": "Every record that the spool took arrives, or its loss is declared with a cause.",
  completeness: "sent = received + unreadable + lost with cause, for each stream, once everything has drained.",
  order: "The records of a stream arrive in the order in which the spool took them.",
  "never-cut-anew": "The same numbers are always sent as the same bytes.",
  "no-false-clone": "A restart is never taken for a clone or a restore.",
  "no-false-offline": "A party counts as offline only after it was silent so long while the portal served.",
  "no-false-online": "A party that has long been silent while the portal served does not count as online.",
  drains: "After the faults end everything spooled is delivered and indexed.",
  "goes-on": "No link stops for good, and no process meets an error that nobody expects.",
} as const;
export type InvariantId = keyof typeof INVARIANTS;

export interface Violation {
  invariant: InvariantId;
  virtualHour: number;
  detail: string;
}

/** Counts checks, and keeps the first violation with what is needed to understand it. */
export class Scoreboard {
  readonly #counts = new Map<InvariantId, { checks: number; violations: number }>();
  firstViolation: Violation | null = null;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    for (const id of Object.keys(INVARIANTS) as InvariantId[]) this.#counts.set(id, { checks: 0, violations: 0 });
  }

  check(id: InvariantId, holds: boolean, detail: () => string): void {
    const count = this.#counts.get(id);
    if (count === undefined) throw new Error(`no invariant ${id}`);
    count.checks += 1;
    if (holds) return;
    count.violations += 1;
    const virtualHour = Math.round(this.#nowMs() / 36_000) / 100;
    this.firstViolation ??= { invariant: id, virtualHour, detail: detail() };
  }

  list(): { id: InvariantId; checks: number; violations: number }[] {
    return [...this.#counts].map(([id, count]) => ({ id, ...count }));
  }
}

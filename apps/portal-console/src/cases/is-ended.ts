import type { CaseState } from "@tms/records";

const ENDED: readonly CaseState[] = ["closed", "closed-as-clean", "withdrawn"];

/** Nobody has anything to do in the case any more. */
export function isEnded(state: CaseState): boolean {
  return ENDED.includes(state);
}

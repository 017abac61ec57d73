import type { Clock } from "@tms/records";
import type { Confinement } from "./confinement.ts";
import type { Journal } from "./journal.ts";
import type { QuarantineStore } from "./quarantine.ts";

export interface CleanupDeps {
  journal: Journal;
  quarantine: QuarantineStore;
  confinement: Confinement;
  clock: Clock;
}

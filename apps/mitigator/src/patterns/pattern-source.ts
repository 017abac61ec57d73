import { join } from "node:path";
import { createPatternMirror, type PatternFetch, type PatternMirror } from "@tms/link/lower";
import type { Clock, CustomerId, Sha256 } from "@tms/records";

/** What the mirror trusts: from the connection details and the registration, never from an answer to a fetch. */
export interface PatternPins {
  customer: CustomerId;
  patternRoot: Sha256;
}

export interface PatternSource {
  /** The mirror of the customer that this mitigator is registered under; null before it is. */
  mirror(): Promise<PatternMirror | null>;
}

/** Each root has a folder of its own, so that another customer's highest versions never count. */
export function createPatternSource(deps: {
  directory: string;
  pins: () => Promise<PatternPins | null>;
  fetch: PatternFetch;
  clock: Clock;
}): PatternSource {
  const opened = new Map<string, PatternMirror>();
  return {
    async mirror() {
      const pins = await deps.pins();
      if (pins === null) return null;
      const key = `${pins.customer}-${pins.patternRoot}`;
      const known = opened.get(key);
      if (known !== undefined) return known;
      const made = createPatternMirror({
        directory: join(deps.directory, key),
        patternRoot: pins.patternRoot,
        customer: pins.customer,
        fetch: deps.fetch,
        clock: deps.clock,
      });
      opened.set(key, made);
      return made;
    },
  };
}

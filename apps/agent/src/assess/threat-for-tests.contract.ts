import { type ChainId, newId, type PatternId, type RecordId, type Sha256, type ThreatId } from "@tms/records";
import type { Threat } from "./agent-state.ts";

/** A reported threat that nothing was done about yet; a test names what matters to it. */
export function makeThreat(change: Partial<Threat> = {}): Threat {
  return {
    threatId: newId<ThreatId>(),
    chainId: newId<ChainId>(),
    detectionRecord: newId<RecordId>(),
    assessmentRecord: newId<RecordId>(),
    ruleId: "made_up",
    title: "A made-up threat",
    severity: "high",
    severityReason: "It is made up.",
    techniques: [],
    path: Buffer.from("/srv/made-up"),
    sha256: "0".repeat(64) as Sha256,
    sizeBytes: 1,
    patternKind: "regular",
    patternId: "RP-regular" as PatternId,
    patternVersion: 1,
    detectedAt: "2026-11-24T09:00:00.000Z",
    isReported: true,
    isAssessed: true,
    caseId: null,
    resolvedBy: null,
    ...change,
  };
}

import { existsSync } from "node:fs";
import {
  type ChainId,
  type Clock,
  type EndpointId,
  newId,
  type RecordId,
  type RootCauseChain,
  type RootCauseRecord,
  type ThreatEventRecord,
  type ThreatId,
} from "@tms/records";
import { buildChain, pathText, type TelemetryEvent } from "@tms/root-cause";
import type { RegularRules } from "#app/patterns/index.ts";
import type { ScanHit } from "#app/scan/index.ts";
import type { AgentState, Threat, ThreatPart } from "./agent-state.ts";
import { chainRecords, threatEvent } from "./threat-records.ts";

/** Where records go; resolves once they are safe on disk. */
export interface RecordSink {
  threatEvents(records: ThreatEventRecord[]): Promise<void>;
  rootCause(records: RootCauseRecord[]): Promise<void>;
}

export interface Assessor {
  /** Reports hits that are new, and assesses each once the sensors had time to see what belongs to it. */
  onHits(hits: readonly ScanHit[], rules: RegularRules): Promise<void>;
  /** Takes up what a crash left unreported or unassessed. */
  resume(rules: RegularRules): Promise<void>;
  chainOf(threat: Threat): RootCauseChain;
  stop(): void;
}

/** After a detection, telemetry about the same minute still arrives: the reorder window of notes/endpoint.md, section 3. */
const SETTLE_MS = 2500;
/** While the chain still grows the assessment waits on, up to so many times the settling time. */
const MAX_WAITS = 4;

export function createAssessor(deps: {
  state: AgentState;
  sink: RecordSink;
  endpoint: EndpointId;
  host: string;
  clock: Clock;
  telemetry: { events(): TelemetryEvent[]; lookNow(): void };
  settleMs?: number;
  onProblem: (error: unknown) => void;
}): Assessor {
  const { state, sink, endpoint, host, clock } = deps;
  const waiting = new Map<ThreatId, NodeJS.Timeout>();

  async function report(threat: Threat): Promise<void> {
    const entry = { kind: "detection", status: "assessing", id: threat.detectionRecord } as const;
    await sink.threatEvents([threatEvent({ endpoint, host, now: clock.now() }, threat, entry)]);
    state.markReported(threat.threatId);
  }

  function chainOf(threat: Threat): RootCauseChain {
    const path = pathText(threat.path);
    const found: TelemetryEvent = {
      kind: "file",
      op: "write",
      path,
      process: null,
      sha256: threat.sha256,
      at: threat.detectedAt,
      sensor: "scan",
      quality: "observed",
    };
    return buildChain([...deps.telemetry.events(), found], { file: path });
  }

  async function assess(threat: Threat, rules: RegularRules): Promise<void> {
    deps.telemetry.lookNow();
    const context = { endpoint, host, now: clock.now() };
    const chain = chainOf(threat);
    const parts = partsOf(chain);
    await sink.rootCause(chainRecords(context, threat, chain));
    const hasStep = rules.stepsFor(threat.ruleId) > 0;
    const count = (kind: string): number => chain.nodes.filter((node) => node.kind === kind).length;
    await sink.threatEvents([
      threatEvent(context, threat, {
        kind: "assessment",
        id: threat.assessmentRecord,
        status: hasStep ? "manual-cleanup-needed" : "unresolved-threats-remain",
        parts: { processes: count("process"), files: count("file"), persistence: count("persistence") },
        detail: hasStep
          ? "The regular pattern has a cleanup for it, which waits for an order."
          : "The regular pattern finds this threat and has no cleanup for it.",
      }),
    ]);
    state.markAssessed(threat.threatId, parts);
  }

  function assessLater(threat: Threat, rules: RegularRules): void {
    if (waiting.has(threat.threatId)) return;
    const settleMs = deps.settleMs ?? SETTLE_MS;
    let waits = 0;
    let before = sizeOf(chainOf(threat));
    const run = (): void => {
      waits += 1;
      deps.telemetry.lookNow();
      const now = sizeOf(chainOf(threat));
      if (now !== before && waits < MAX_WAITS) {
        before = now;
        waiting.set(threat.threatId, setTimeout(run, settleMs));
        return;
      }
      assess(threat, rules)
        .catch(deps.onProblem)
        .finally(() => waiting.delete(threat.threatId));
    };
    waiting.set(threat.threatId, setTimeout(run, settleMs));
  }

  async function takeUp(threat: Threat, rules: RegularRules): Promise<void> {
    if (!threat.isReported) await report(threat);
    if (!threat.isAssessed) assessLater(threat, rules);
  }

  return {
    chainOf,
    async onHits(hits, rules) {
      for (const hit of hits) {
        for (const ruleId of new Set(hit.matches.map((match) => match.source))) {
          const found = threatOf(hit, ruleId, { rules, now: clock.now() });
          const threat = state.meet(found, () => existsSync(hit.path));
          // What its detection event is still being written for, or its chain awaited, is under way already.
          if (!waiting.has(threat.threatId)) await takeUp(threat, rules);
        }
      }
    },
    async resume(rules) {
      for (const threat of state.threats()) await takeUp(threat, rules);
    },
    stop: () => {
      for (const timer of waiting.values()) clearTimeout(timer);
      waiting.clear();
    },
  };
}

function sizeOf(chain: RootCauseChain): number {
  return chain.nodes.length + chain.edges.length;
}

function threatOf(hit: ScanHit, ruleId: string, at: { rules: RegularRules; now: Date }): Threat {
  const rule = at.rules.describe(ruleId);
  return {
    threatId: newId<ThreatId>(),
    chainId: newId<ChainId>(),
    detectionRecord: newId<RecordId>(),
    assessmentRecord: newId<RecordId>(),
    ruleId,
    title: rule.title,
    severity: rule.severity,
    severityReason: rule.severityReason,
    techniques: rule.techniques,
    path: hit.path,
    sha256: hit.sha256,
    sizeBytes: hit.sizeBytes,
    patternKind: "regular",
    patternId: at.rules.pattern.id,
    patternVersion: at.rules.pattern.version,
    detectedAt: at.now.toISOString(),
    isReported: false,
    isAssessed: false,
    caseId: null,
    resolvedBy: null,
  };
}

function partsOf(chain: RootCauseChain): ThreatPart[] {
  return chain.nodes.flatMap((node): ThreatPart[] => {
    if (node.kind === "file") return [{ kind: "file", path: node.path ?? "", line: "" }];
    return node.kind === "persistence" ? [{ kind: "persistence", path: node.path ?? "", line: node.line ?? "" }] : [];
  });
}

import { type VerifiedPattern, verifyConsent } from "@tms/patterns";
import {
  AppError,
  type ChainId,
  type Clock,
  type CustomerId,
  type EndpointId,
  ERRORS,
  newId,
  type PatternId,
  type RecordId,
  type Sha256,
  type ThreatEventBody,
  type ThreatId,
} from "@tms/records";
import type { SignedBytes } from "@tms/signing";
import { type AgentState, derivedId, type RecordSink, type Threat, threatEvent } from "#app/assess/index.ts";
import type { PatternSource } from "#app/patterns/index.ts";
import type { CleanupResult, CleanupRunner } from "./cleanup-runner.ts";
import type { CleanupSight } from "./plan-cleanup.ts";

export interface ApplyOrder {
  directive: string;
  pattern: PatternId;
  version: number;
  target: string;
  consent: SignedBytes;
}

export interface PatternApplier {
  /** Verifies end to end, cleans, and tells it. @throws {AppError} when nothing was done because something is not right. */
  apply(order: ApplyOrder): Promise<CleanupResult>;
  undo(order: { directive: string; pattern: PatternId; version: number }): Promise<CleanupResult>;
}

type Deployment = NonNullable<ThreatEventBody["deployment"]>;

/**
 * Carries out a pattern that the site consented to.
 *
 * A1 Nothing acts before: the target stands in the repository verified from our own pinned root, its bytes are these, it
 *    is for this customer and endpoint, not expired, and the pinned consent key allowed exactly this digest and plan.
 * A2 Every step up to the end is an event, so that people see how far it came.
 */
export function createPatternApplier(deps: {
  patterns: PatternSource;
  runner: CleanupRunner;
  look: (pattern: VerifiedPattern) => Promise<CleanupSight>;
  state: AgentState;
  sink: RecordSink;
  customer: CustomerId;
  endpoint: EndpointId;
  host: string;
  /** SPKI DER, pinned at enrolment. */
  consentKey: Buffer;
  clock: Clock;
  /** Whether the order is tried again by itself after this failure. */
  isPassing: (error: unknown) => boolean;
  onProblem: (error: unknown) => void;
}): PatternApplier {
  const { state, sink, clock, endpoint, customer, host } = deps;

  async function tell(
    threats: readonly Threat[],
    entry: {
      kind: "deployment" | "cleanup" | "rollback";
      status: ThreatEventBody["status"];
      deployment: Deployment;
      pattern: ThreatEventBody["pattern"];
      identity: string;
      detail?: string;
    },
  ): Promise<void> {
    const { identity, ...event } = entry;
    const context = { endpoint, host, now: clock.now() };
    await sink.threatEvents(
      threats.map((threat) =>
        threatEvent(context, threat, {
          ...event,
          id: derivedId(identity, event.kind, event.deployment.state, threat.threatId),
        }),
      ),
    );
  }

  async function verifiedFor(order: ApplyOrder): Promise<VerifiedPattern> {
    // Without the line, what was verified before counts on; a pattern that is not there then is simply unknown.
    await deps.patterns.refresh().catch(deps.onProblem);
    const pattern = await deps.patterns.verified(order.target);
    if (pattern.manifest.id !== order.pattern || pattern.manifest.version !== order.version) {
      throw new AppError("pattern.unknown", { pattern: order.pattern, version: order.version });
    }
    verifyConsent(order.consent, deps.consentKey, { pattern, customer, endpoint, now: clock.now() });
    return pattern;
  }

  async function apply(order: ApplyOrder): Promise<CleanupResult> {
    const kind = order.target.startsWith("regular/") ? "regular" : "custom";
    const reference = { kind, id: order.pattern, version: order.version } as const;
    const about = { pattern: reference, identity: order.directive };
    let pattern: VerifiedPattern;
    try {
      pattern = await verifiedFor(order);
    } catch (error) {
      // Nothing was judged yet: the order is tried again when the line is back.
      if (deps.isPassing(error)) throw error;
      const code = error instanceof AppError ? error.code : "server.internal";
      const deployment: Deployment = { state: "failed", steps: [], undo: "none" };
      await tell(openThreats(state), {
        ...about,
        kind: "deployment",
        status: "pattern-corrupted",
        deployment,
        detail: ERRORS[code].text,
      });
      throw error;
    }
    const threats = threatsOf(state, pattern, await deps.look(pattern), clock.now());
    for (const step of ["verified-by-agent", "cleanup-running"] as const) {
      const deployment: Deployment = { state: step, steps: [], undo: "none" };
      await tell(threats, { ...about, kind: "deployment", status: "cleaning", deployment });
    }
    const result = await deps.runner.run({ pattern, directive: order.directive, look: deps.look });
    const { state: outcome, steps, undo } = result;
    const status = statusOf(result);
    await tell(threats, {
      ...about,
      kind: "cleanup",
      status,
      deployment: { state: outcome, steps: steps.slice(0, 1000), undo },
    });
    if (outcome === "succeeded") {
      for (const threat of threats) state.markResolved(threat.threatId, `${order.pattern}@${order.version}`);
    }
    return result;
  }

  async function undo(order: { directive: string; pattern: PatternId; version: number }): Promise<CleanupResult> {
    const by = `${order.pattern}@${order.version}`;
    const resolved = state.threats().filter((threat) => threat.resolvedBy === by);
    const mark = (value: string | null) => {
      for (const threat of resolved) state.markResolved(threat.threatId, value);
    };
    // Before the files are back: a look in the middle must meet the threats that are known, not new ones.
    mark(null);
    const result = await deps.runner.undo(order.pattern, order.version).catch((error: unknown) => {
      mark(by);
      throw error;
    });
    if (result.changed === 0) mark(by);
    const threats = resolved.length > 0 ? resolved : openThreats(state);
    const isWhole = result.state === "succeeded";
    await tell(threats, {
      kind: "rollback",
      status: isWhole ? "rollback-successful" : "rollback-unsuccessful",
      deployment: {
        state: isWhole ? "rolled-back" : "partially",
        steps: result.steps.slice(0, 1000),
        undo: result.undo,
      },
      pattern: {
        kind: order.pattern.startsWith("RP-") ? "regular" : "custom",
        id: order.pattern,
        version: order.version,
      },
      identity: order.directive,
    });
    return result;
  }

  return { apply, undo };
}

function statusOf(result: CleanupResult): ThreatEventBody["status"] {
  switch (result.state) {
    case "succeeded":
      return result.changed > 0 ? "all-threats-resolved" : "threat-no-longer-exists";
    case "partially":
      return "unresolved-threats-remain";
    case "failed":
      return "cleanup-failed";
  }
}

function openThreats(state: AgentState): Threat[] {
  return state.threats().filter((threat) => threat.resolvedBy === null);
}

/** What the pattern is about here: the threats of its case, else those whose files it finds, else what it finds itself. */
function threatsOf(state: AgentState, pattern: VerifiedPattern, sight: CleanupSight, now: Date): Threat[] {
  const { manifest } = pattern;
  const known = state.threats();
  const ofCase = known.filter((threat) => threat.caseId !== null && threat.caseId === manifest.case?.id);
  if (ofCase.length > 0) return ofCase;
  const found = manifest.rules.flatMap((rule) => sight.detected(rule.id).map((file) => ({ rule, file })));
  const byPath = known.filter((threat) => found.some(({ file }) => file.path.equals(threat.path)));
  const open = byPath.filter((threat) => threat.resolvedBy === null);
  if (byPath.length > 0) return open.length > 0 ? open : byPath;
  const [first] = found;
  const rule = first?.rule ?? manifest.rules[0];
  const threat: Threat = {
    threatId: newId<ThreatId>(),
    chainId: newId<ChainId>(),
    detectionRecord: newId<RecordId>(),
    assessmentRecord: newId<RecordId>(),
    ruleId: rule?.id ?? manifest.id,
    title: rule?.title ?? manifest.title,
    severity: manifest.severity,
    severityReason: rule?.severityReason ?? "The pattern says so.",
    techniques: rule?.techniques ?? [],
    path: Buffer.alloc(0),
    sha256: pattern.digest as Sha256,
    sizeBytes: 0,
    patternKind: "custom",
    patternId: manifest.id,
    patternVersion: manifest.version,
    detectedAt: now.toISOString(),
    isReported: true,
    isAssessed: true,
    caseId: manifest.case?.id ?? null,
    resolvedBy: null,
  };
  return [threat];
}

import type { PatternMirror } from "@tms/link/lower";
import { type VerifiedPattern, verifyPattern } from "@tms/patterns";
import {
  AppError,
  type CaseId,
  type Clock,
  type CustomerId,
  type DirectiveId,
  type EndpointId,
  newId,
  type RecordId,
  type ThreatId,
} from "@tms/records";
import type { TrustedTarget } from "@tms/signing";
import { type Deployment, type DeploymentSubject, deploymentEvent } from "./deployment.ts";
import type { PatternSource } from "./pattern-source.ts";
import type { PatternStore } from "./pattern-store.ts";

export interface FetchPatternsDeps {
  source: PatternSource;
  patterns: Pick<PatternStore, "isJudged" | "takeIn">;
  customer: () => Promise<CustomerId | null>;
  /** Our own endpoints among those; a pattern may name endpoints of other mitigators too. */
  ownEndpoints: (ids: readonly EndpointId[]) => Promise<{ id: EndpointId; host: string }[]>;
  /** The threat that a pattern for this endpoint is about; null if none is known here. */
  subjectOf: (endpoint: EndpointId, caseId: CaseId | null) => Promise<DeploymentSubject | null>;
  onNewDeployments: () => void;
  /** The mirror holds other targets than before: agents may look. */
  onChanged: () => Promise<void>;
  onRefused: (target: { path: string }, error: AppError) => void;
  clock: Clock;
}

/**
 * Fetches what is new in the customer's repository and takes in the custom patterns for our endpoints.
 *
 * F1 Nothing is taken in that did not verify from the pinned root; a target that is refused stops no other.
 * F2 A target is judged once for each of its bytes, in the same transaction as what follows from it.
 */
export function createFetchPatterns(deps: FetchPatternsDeps) {
  return async function fetchPatterns(): Promise<void> {
    const mirror = await deps.source.mirror();
    const customer = await deps.customer();
    if (mirror === null || customer === null) return;
    const { changed, targets } = await mirror.refresh();
    for (const target of targets) {
      if (target.role !== "custom-act" && target.role !== "custom-detect") continue;
      if (await deps.patterns.isJudged(target.path, target.sha256)) continue;
      const bytes = await bytesOf(deps, mirror, target);
      if (bytes !== null) await takeIn(deps, { target, bytes, customer });
    }
    if (changed) await deps.onChanged();
  };
}

/** Bytes that are not the signed ones are no judgement of the target: they are asked for again at the next pass. */
async function bytesOf(deps: FetchPatternsDeps, mirror: PatternMirror, target: TrustedTarget): Promise<Buffer | null> {
  try {
    return await mirror.target(target.path);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "pattern.digest_mismatch") throw error;
    deps.onRefused(target, error);
    return null;
  }
}

async function takeIn(
  deps: FetchPatternsDeps,
  got: { target: TrustedTarget; bytes: Buffer; customer: CustomerId },
): Promise<void> {
  const { target, bytes, customer } = got;
  const now = deps.clock.now();
  let pattern: VerifiedPattern;
  try {
    pattern = verifyPattern({ bytes, target, customer, endpoint: null, now });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    await deps.patterns.takeIn({ path: target.path, sha256: target.sha256, refused: error.code }, [], now);
    deps.onRefused(target, error);
    return;
  }
  const endpoints = await deps.ownEndpoints(pattern.manifest.endpoints);
  const fresh = await Promise.all(endpoints.map((endpoint) => newDeployment(deps, { pattern, endpoint, now })));
  await deps.patterns.takeIn({ path: target.path, sha256: target.sha256, refused: null }, fresh, now);
  if (fresh.length > 0) deps.onNewDeployments();
}

async function newDeployment(
  deps: FetchPatternsDeps,
  of: { pattern: VerifiedPattern; endpoint: { id: EndpointId; host: string }; now: Date },
) {
  const { manifest, digest, targetPath } = of.pattern;
  const subject =
    (await deps.subjectOf(of.endpoint.id, manifest.case?.id ?? null)) ?? subjectFrom(of.pattern, of.endpoint.host);
  const deployment: Deployment = {
    pattern: manifest.id,
    version: manifest.version,
    endpoint: of.endpoint.id,
    path: targetPath,
    sha256: digest,
    title: manifest.title,
    subject,
    state: "verified",
    stateSince: of.now,
    downloadedAt: of.now,
    appliedAt: null,
    steps: [],
    undo: "none",
    directive: newId<DirectiveId>(),
    orderedBy: null,
  };
  const events = (["downloaded-by-mitigator", "verified"] as const).map((state) =>
    deploymentEvent(deployment, { id: newId<RecordId>(), state, at: of.now }),
  );
  return { deployment, events };
}

/** For a pattern whose threat this mitigator has never seen: what the pattern itself says. */
function subjectFrom(pattern: VerifiedPattern, host: string): DeploymentSubject {
  const { manifest } = pattern;
  const rule = manifest.rules[0];
  return {
    threatId: newId<ThreatId>(),
    threat: {
      name: rule?.title ?? manifest.title,
      ruleId: rule?.id ?? manifest.id,
      severity: manifest.severity,
      severityReason: rule?.severityReason ?? "as the pattern says",
    },
    host,
    file: undefined,
    chain: undefined,
    case: manifest.case?.id,
  };
}

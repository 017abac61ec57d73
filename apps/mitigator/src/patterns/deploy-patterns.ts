import { sealConsent, type VerifiedPattern, verifyPattern } from "@tms/patterns";
import {
  AppError,
  type Clock,
  type CustomerId,
  type DirectiveId,
  type EndpointId,
  newId,
  type RecordId,
} from "@tms/records";
import type { ConsentKey } from "./consent-key.ts";
import { type Deployment, type DeploymentKey, deploymentEvent } from "./deployment.ts";
import type { PatternSource } from "./pattern-source.ts";
import type { PatternStore } from "./pattern-store.ts";

export interface DeployPatternsDeps {
  patterns: PatternStore;
  source: PatternSource;
  customer: () => Promise<CustomerId | null>;
  consentKey: ConsentKey;
  consentsByPolicy: () => Promise<boolean>;
  giveOrder: (order: {
    id?: DirectiveId;
    endpoint: EndpointId;
    kind: "apply-pattern" | "undo";
    payload: Record<string, unknown>;
  }) => Promise<DirectiveId>;
  /** Passes on what was told, so that the log says "sent" before the agent can say "running". */
  flushOutbox: () => Promise<void>;
  clock: Clock;
}

/** A consent ends with the pattern, and at the latest after this. */
const CONSENT_DAYS = 7;

/**
 * Brings verified patterns to their agents.
 *
 * D1 Only a pattern that verifies now, from the mirror's trusted state, gets the site's consent.
 * D2 The consent names one endpoint, one digest and one plan; the order goes to that agent alone.
 * D3 The state is saved before the order is given, and the order's id lies in the deployment: a crash gives it once.
 * D4 A deployment that can no longer be ordered fails by itself and holds up no other.
 */
export function createDeployPatterns(deps: DeployPatternsDeps) {
  return {
    /** By policy, for everything that was verified; also gives again what a crash cut off. */
    async deployVerified(): Promise<void> {
      for (const deployment of await deps.patterns.inState("verified")) {
        if (await deps.consentsByPolicy()) await orFail(deps, deployment, () => order(deps, deployment, "policy"));
        else await move(deps, deployment, "waits-for-order");
      }
      for (const deployment of await deps.patterns.inState("sent-to-agent")) {
        await orFail(deps, deployment, () => give(deps, deployment));
      }
    },

    /** @throws {AppError} `pattern.unknown`, `pattern.state_wrong`. */
    async deployByHand(key: DeploymentKey, orderedBy: string): Promise<Deployment> {
      const deployment = await deps.patterns.get(key);
      if (deployment === null) throw new AppError("pattern.unknown", { ...key });
      if (deployment.state !== "waits-for-order") {
        throw new AppError("pattern.state_wrong", { ...key, state: deployment.state });
      }
      return order(deps, deployment, orderedBy);
    },

    /** @throws {AppError} `pattern.unknown`, `pattern.state_wrong`, `directive.not_allowed`. */
    async undo(key: DeploymentKey): Promise<Deployment> {
      const deployment = await deps.patterns.get(key);
      if (deployment === null) throw new AppError("pattern.unknown", { ...key });
      if (deployment.undo !== "possible") {
        throw new AppError("pattern.state_wrong", { ...key, state: deployment.state, undo: deployment.undo });
      }
      const { pattern, version } = key;
      await deps.giveOrder({ endpoint: key.endpoint, kind: "undo", payload: { pattern, version } });
      return deployment;
    },
  };
}

async function order(deps: DeployPatternsDeps, deployment: Deployment, orderedBy: string): Promise<Deployment> {
  // Judged before the state moves: a pattern that was withdrawn or has expired is not sent.
  await trustedPattern(deps, deployment);
  const sent = await move(deps, { ...deployment, orderedBy }, "sent-to-agent");
  await give(deps, sent);
  return sent;
}

async function give(deps: DeployPatternsDeps, deployment: Deployment): Promise<void> {
  const { pattern, customer } = await trustedPattern(deps, deployment);
  const { pattern: id, version, endpoint, path: target } = deployment;
  const latest = deps.clock.now().getTime() + CONSENT_DAYS * 86_400_000;
  const expiresAt = new Date(Math.min(latest, new Date(pattern.manifest.expires).getTime()));
  const consent = sealConsent(deps.consentKey.privatePem, pattern, { customer, endpoints: [endpoint], expiresAt });
  await deps.giveOrder({
    id: deployment.directive,
    endpoint,
    kind: "apply-pattern",
    payload: { pattern: id, version, target, consent },
  });
}

async function trustedPattern(
  deps: DeployPatternsDeps,
  deployment: Deployment,
): Promise<{ pattern: VerifiedPattern; customer: CustomerId }> {
  const mirror = await deps.source.mirror();
  const customer = await deps.customer();
  if (mirror === null || customer === null) throw new AppError("portal.not_registered");
  const target = (await mirror.currentTargets()).find(({ path }) => path === deployment.path);
  if (target === undefined || target.sha256 !== deployment.sha256) {
    throw new AppError("pattern.unknown", { path: deployment.path });
  }
  const bytes = await mirror.target(target.path);
  const { endpoint } = deployment;
  return { pattern: verifyPattern({ bytes, target, customer, endpoint, now: deps.clock.now() }), customer };
}

/** What no repetition can heal. A line that is down is none of these: it ends the pass. */
const REFUSALS: readonly string[] = [
  "pattern.unknown",
  "pattern.expired",
  "pattern.customer_differs",
  "pattern.endpoint_differs",
  "pattern.role_wrong",
  "directive.not_allowed",
  "endpoint.unknown",
];

async function orFail(deps: DeployPatternsDeps, deployment: Deployment, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof AppError) || !REFUSALS.includes(error.code)) throw error;
    await move(deps, deployment, { failure: { code: error.code } });
  }
}

async function move(
  deps: DeployPatternsDeps,
  deployment: Deployment,
  to: "waits-for-order" | "sent-to-agent" | { failure: { code: string } },
): Promise<Deployment> {
  const at = deps.clock.now();
  const told = typeof to === "string" ? { state: to } : { state: "failed" as const, ...to };
  const moved: Deployment = { ...deployment, state: told.state, stateSince: at };
  await deps.patterns.save(moved, [deploymentEvent(moved, { id: newId<RecordId>(), at, ...told })]);
  await deps.flushOutbox();
  return moved;
}

import type { CustomerId, EndpointId, PatternId, Sha256, Verb } from "@tms/records";
import { sha256Of } from "@tms/signing";
import type { CleanupStep, PatternLimits, PatternManifest } from "./manifest.ts";

/** What a pattern would do, as an administrator consents to it; the concrete plan on an endpoint is journaled there. */
export interface PatternPlan {
  pattern: PatternId;
  version: number;
  customer: CustomerId | "*";
  endpoints: EndpointId[];
  expires: string;
  limits: PatternLimits;
  rules: string[];
  steps: PlanStep[];
}

export interface PlanStep {
  step: string;
  verb: Verb;
  detection: string | null;
  /** For people: what the step is about. */
  target: string;
  onlyPaths: string[];
  /** Every verb of today can be undone, but for the end of a process. */
  undo: "possible" | "none" | "not-needed";
}

/** The plan of a pattern, from the manifest alone: the same on every endpoint. */
export function planOf(manifest: PatternManifest): PatternPlan {
  return {
    pattern: manifest.id,
    version: manifest.version,
    customer: manifest.customer,
    endpoints: [...manifest.endpoints].sort(),
    expires: manifest.expires,
    limits: manifest.limits,
    rules: manifest.rules.map((rule) => rule.id),
    steps: manifest.cleanup.map(stepOf),
  };
}

/**
 * The digest that a consent names. The text is built field by field in a fixed order, so that the digest does not
 * depend on how the manifest was written.
 */
export function planDigest(manifest: PatternManifest): Sha256 {
  const plan = planOf(manifest);
  const { limits } = plan;
  const lines = [
    ["tms.plan/1", plan.pattern, plan.version, plan.customer, plan.expires],
    ["endpoints", ...plan.endpoints],
    ["limits", limits.maxKills, limits.maxFiles, limits.maxBytes, limits.deadlineSeconds],
    // The rules' text decides what the steps touch, so the consent covers it.
    ...manifest.rules.map((rule) => ["rule", rule.id, sha256Of(rule.source)]),
    ...plan.steps.map((step) => ["step", step.step, step.verb, step.detection, step.target, ...step.onlyPaths]),
  ];
  return sha256Of(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

function stepOf(step: CleanupStep): PlanStep {
  return {
    step: step.step,
    verb: step.verb,
    detection: step.detection ?? null,
    target: targetText(step),
    onlyPaths: step.onlyPaths ?? [],
    undo: UNDO[step.verb],
  };
}

const UNDO: Record<Verb, PlanStep["undo"]> = {
  "process.kill": "none",
  "persist.removeLine": "possible",
  "file.quarantine": "possible",
  verify: "not-needed",
};

function targetText(step: CleanupStep): string {
  const { target } = step;
  if ("from" in target) return target.from;
  if ("line" in target) return `${target.path}: ${target.line}`;
  return "sha256" in target && target.sha256 !== undefined ? `${target.path} (${target.sha256})` : target.path;
}

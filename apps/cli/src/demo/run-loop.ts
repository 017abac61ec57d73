import type { LoopContext } from "./loop-context.ts";
import { answer, clean, deploy, submitCase, tell } from "./steps-answer.ts";
import { heartbeat, register } from "./steps-link.ts";
import { assess, detect, explain, report } from "./steps-threat.ts";

export const LOOP_STEPS = [
  { id: "register", run: register, says: "The mitigator registers to the portal with its own keys." },
  { id: "heartbeat", run: heartbeat, says: "Two agents enrol; heartbeats go up both hops." },
  { id: "detect", run: detect, says: "A harmless threat is planted; the agent's rule finds it." },
  { id: "explain", run: explain, says: "The agent explains how it came: the root cause chain." },
  { id: "assess", run: assess, says: "The regular pattern has no step for it: unresolved threats remain." },
  { id: "report", run: report, says: "Threat events and root cause records arrive at the portal, all of them." },
  { id: "case", run: submitCase, says: "A case is submitted with an encrypted forensic package." },
  { id: "answer", run: answer, says: "Two experts check and sign a custom pattern on their own machines." },
  { id: "deploy", run: deploy, says: "The pattern reaches the infected endpoint, and only that one." },
  { id: "clean", run: clean, says: "The threat is cleaned up; everything else is as it was." },
  { id: "tell", run: tell, says: "The incident report tells the story." },
] as const;
export type LoopStepId = (typeof LOOP_STEPS)[number]["id"];

/** How a step went, as `commands.md` prints it. */
export interface StepResult {
  n: number;
  id: LoopStepId;
  ok: boolean;
  ms: number;
}

/**
 * Runs steps in order and stops at the first that fails.
 *
 * @param onStep Hears of each step as it ends.
 * @returns What the failing step threw, or null.
 */
export async function runLoop(
  context: LoopContext,
  steps: readonly (typeof LOOP_STEPS)[number][],
  onStep: (result: StepResult, says: string) => void,
): Promise<{ step: LoopStepId; error: unknown } | null> {
  for (const { id, run, says } of steps) {
    const n = LOOP_STEPS.findIndex((step) => step.id === id) + 1;
    const startedAt = performance.now();
    try {
      await run(context);
    } catch (error) {
      onStep({ n, id, ok: false, ms: Math.round(performance.now() - startedAt) }, says);
      return { step: id, error };
    }
    onStep({ n, id, ok: true, ms: Math.round(performance.now() - startedAt) }, says);
  }
  return null;
}

import { planOf } from "@tms/patterns";
import type { PinnedCustomer } from "../keys/expert-directory.ts";
import type { SigningState } from "./signing-state.ts";

/** What a person must have seen before their signature: who, where, what, how far, and what else changes. */
export function showSigning(state: SigningState, pinned: PinnedCustomer): string[] {
  const plan = planOf(state.manifest);
  const { limits } = plan;
  const { added, replaced, kept } = state.difference;
  return [
    `Pattern    ${plan.pattern} version ${plan.version}: ${state.manifest.title}`,
    `Customer   ${pinned.customer.name} (${pinned.customer.id})`,
    `Case       ${state.manifest.case?.shortId ?? "none"}`,
    `Endpoints  ${plan.endpoints.length === 0 ? "every endpoint" : plan.endpoints.join(", ")}`,
    `Rules      ${plan.rules.join(", ") || "none"}`,
    ...plan.steps.map((step) => {
      const within = step.onlyPaths.length === 0 ? "" : ` within ${step.onlyPaths.join(", ")}`;
      const about = step.detection === null ? "" : ` of ${step.detection}`;
      return `Step       ${step.step}: ${step.verb} ${step.target}${about}${within}; undo: ${step.undo}`;
    }),
    `Limits     ${limits.maxKills} processes, ${limits.maxFiles} files, ${limits.maxBytes} bytes, ${limits.deadlineSeconds} s`,
    `Expires    ${plan.expires}`,
    `Digest     ${state.digest}`,
    `Plan       ${state.planDigest}`,
    `Role       ${state.role} version ${state.version}: adds ${added.join(", ") || "nothing"}, replaces ${replaced.join(", ") || "nothing"}, keeps ${kept}`,
    `Signatures ${state.signers.length} of ${state.accepted.threshold} so far`,
  ];
}

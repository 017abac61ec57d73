import type { Clock, DirectiveId, EndpointId, LinkRecord, RecordId, ThreatEventRecord } from "@tms/records";
import { newId } from "@tms/records";
import { afterRecord, type Deployment, deploymentEvent } from "./deployment.ts";
import type { PatternStore } from "./pattern-store.ts";

/** Follows deployments by what agents tell; idempotent, because an agent's records come in its order. */
export function createFollowDeployments(deps: {
  patterns: Pick<PatternStore, "get" | "save" | "byDirective">;
  onTold: () => void;
  clock: Clock;
}) {
  return {
    async records(endpoint: EndpointId, records: readonly LinkRecord[], receivedAt: Date): Promise<void> {
      for (const record of records as readonly ThreatEventRecord[]) {
        const { pattern } = record.body;
        if (pattern === undefined || pattern.kind !== "custom") continue;
        const found = await deps.patterns.get({ pattern: pattern.id, version: pattern.version, endpoint });
        const after = found === null ? null : afterRecord(found, record, receivedAt);
        if (after !== null) await deps.patterns.save(after, []);
      }
    },

    /** An order that the agent never took, or refused before it began. */
    async outcome(outcome: { id: DirectiveId; ok: boolean; code: string | null }): Promise<void> {
      if (outcome.ok) return;
      const found = await deps.patterns.byDirective(outcome.id);
      if (found === null || found.state !== "sent-to-agent") return;
      const at = deps.clock.now();
      const failed: Deployment = { ...found, state: "failed", stateSince: at };
      const failure = { code: outcome.code ?? "server.internal" };
      await deps.patterns.save(failed, [
        deploymentEvent(failed, { id: newId<RecordId>(), state: "failed", at, failure }),
      ]);
      deps.onTold();
    },
  };
}

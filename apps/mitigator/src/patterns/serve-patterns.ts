import type { EndpointId } from "@tms/records";
import type { PatternSource } from "./pattern-source.ts";
import type { PatternStore } from "./pattern-store.ts";

/**
 * What agents may read of the customer's repository.
 *
 * S1 Only from the verified mirror; the portal's own answer never passes through.
 * S2 A custom pattern's bytes go only to an endpoint that it is deployed to; every ask is counted.
 */
export function createServePatterns(deps: {
  source: PatternSource;
  patterns: Pick<PatternStore, "hasTarget">;
  countRequest: (endpoint: EndpointId) => Promise<void>;
}) {
  return {
    async metadata(name: string): Promise<Buffer | null> {
      const mirror = await deps.source.mirror();
      return mirror === null ? null : mirror.metadataFile(name);
    },
    async target(endpoint: EndpointId, path: string): Promise<Buffer | null> {
      const mirror = await deps.source.mirror();
      if (mirror === null) return null;
      if (path.startsWith("custom-")) {
        await deps.countRequest(endpoint);
        if (!(await deps.patterns.hasTarget(endpoint, path))) return null;
      }
      const known = (await mirror.currentTargets()).some((target) => target.path === path);
      return known ? mirror.target(path) : null;
    },
  };
}

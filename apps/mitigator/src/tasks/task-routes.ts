import type { EventRow } from "@tms/contracts";
import { mitigationRoutes } from "@tms/contracts/mitigator";
import type { Clock } from "@tms/records";
import { implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import type { MitigationSettings, MitigationSettingsStore } from "./mitigation-settings.ts";
import type { createShowHome } from "./show-home.ts";

export interface TaskRouteDeps {
  showHome: ReturnType<typeof createShowHome<EventRow>>;
  settings: MitigationSettingsStore;
  /** Called after a change, so that what waited may go on. */
  onSettings: (settings: MitigationSettings) => void;
  audit: (actor: string, action: string, detail: Record<string, unknown>) => Promise<void>;
  clock: Clock;
}

export function registerTaskRoutes(app: FastifyInstance, deps: TaskRouteDeps): void {
  implement(app, mitigationRoutes.home, async () => {
    const { counts, ...home } = await deps.showHome();
    return { asOf: deps.clock.now().toISOString(), ...home, ...counts };
  });

  implement(app, mitigationRoutes.getMitigationSettings, () => deps.settings.read());

  implement(app, mitigationRoutes.saveMitigationSettings, async ({ body, session }) => {
    await deps.settings.save(body);
    await deps.audit(session.userName, "mitigation-settings.saved", { ...body });
    deps.onSettings(body);
    return body;
  });
}

import { browserFetch, createApiHooks } from "@tms/console-kit";
import { createApiClient } from "@tms/contracts";
import { mitigatorRoutes } from "@tms/contracts/mitigator";

/** Typed reading and acting over every JSON route of the mitigator's console. */
export const api = createApiHooks(createApiClient(mitigatorRoutes, { baseUrl: "", fetch: browserFetch }));

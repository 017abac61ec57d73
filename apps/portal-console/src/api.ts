import { browserFetch, createApiHooks } from "@tms/console-kit";
import { createApiClient } from "@tms/contracts";
import { portalRoutes } from "@tms/contracts/portal";

/** Typed reading and acting over every JSON route of the portal's console. */
export const api = createApiHooks(createApiClient(portalRoutes, { baseUrl: "", fetch: browserFetch }));

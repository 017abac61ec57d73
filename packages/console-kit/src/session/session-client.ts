import { createApiClient, sessionRoutes } from "@tms/contracts";
import { browserFetch } from "../api/browser-fetch.ts";
import { createApiHooks } from "../api/create-hooks.ts";

/** What both consoles' servers offer alike. */
export const sessionApi = createApiHooks(createApiClient(sessionRoutes, { baseUrl: "", fetch: browserFetch }));

export { consentsByPolicy, type MitigationSettings, type MitigationSettingsStore } from "./mitigation-settings.ts";
export { createShowHome } from "./show-home.ts";
export { registerTaskRoutes } from "./task-routes.ts";
export { createTaskStore, type TaskTables } from "./task-store.ts";

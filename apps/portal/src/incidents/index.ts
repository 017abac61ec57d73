export { createGroupEvents } from "./group-events.ts";
export { type Incident, incidentShortId } from "./incident.ts";
export { createIncidentView, needsSomebody, registerIncidentRoutes } from "./incident-routes.ts";
export { createIncidentStore, type IncidentStore } from "./incident-store.ts";
export type { StoryEvent } from "./tell-incident.ts";

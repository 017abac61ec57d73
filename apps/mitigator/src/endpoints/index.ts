export { type Endpoint, type EndpointSeen, type EndpointStore, isConnected, silenceMsOf } from "./endpoint.ts";
export { registerEndpointRoutes } from "./endpoint-routes.ts";
export { createEndpointStore, type EndpointTables } from "./endpoint-store.ts";
export { createListEndpoints, type ListedEndpoint } from "./list-endpoints.ts";

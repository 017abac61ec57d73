export { createLinkMaker, type LineDescription } from "./line-wire.ts";
export { createPassUpwards, type PassUpwards } from "./pass-upwards.ts";
export { createPortalLine, type LineState, type PortalLine } from "./portal-line.ts";
export { type PortalLinkRouteDeps, registerPortalLinkRoutes } from "./portal-link-routes.ts";
export {
  createPortalLinkStore,
  type PortalLinkStore,
  type PortalLinkTables,
  type StoredRegistration,
} from "./portal-link-store.ts";
export type { PortalSettings } from "./portal-settings.ts";
export { type ProxyRouteDeps, registerProxyRoutes } from "./proxy-routes.ts";
export { createSaveProxy, type DialledProxy, type ProxyStore, proxyInForce } from "./proxy-settings.ts";
export { createProxyStore, type ProxyTables } from "./proxy-store.ts";
export { createRecentErrors, type LineError, type RecentErrors } from "./recent-errors.ts";
export { registrationRequest } from "./registration-wire.ts";
export { createSaveSettings } from "./save-settings.ts";
export { type ConnectionTests, createConnectionTests } from "./test-connection.ts";
export { createTestTokens } from "./test-tokens.ts";
export { newLanes, runConnectionTest } from "./test-wire.ts";
export { createUnregisterPortal } from "./unregister-portal.ts";

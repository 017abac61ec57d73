export { createLinkMaker, type LineDescription } from "./line-wire.ts";
export { createPassUpwards, type PassUpwards } from "./pass-upwards.ts";
export { createPortalLine, type LineState, type PortalLine } from "./portal-line.ts";
export { registerPortalLinkRoutes } from "./portal-link-routes.ts";
export {
  createPortalLinkStore,
  type PortalLinkStore,
  type PortalLinkTables,
  type StoredRegistration,
} from "./portal-link-store.ts";
export { registrationRequest } from "./registration-wire.ts";
export { createSaveSettings } from "./save-settings.ts";
export { createConnectionTests } from "./test-connection.ts";
export { createTestTokens } from "./test-tokens.ts";
export { newLanes, runConnectionTest } from "./test-wire.ts";
export { createUnregisterPortal } from "./unregister-portal.ts";
